import { Work } from './work.js';

/** A call of a method of {@link Work}. */
export interface Call {
  readonly id: number;
  readonly what: string;
  readonly args: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** What a process of the crew does: as it is told, until nobody is there to tell it. */
export function serve(): void {
  const work = new Work();
  process.on('message', (call: Call) => void answer(work, call));
  process.once('disconnect', () => process.exit());
  process.send?.('ready');
}

async function answer(work: Work, { id, what, args }: Call): Promise<void> {
  const method = Reflect.get(work, what) as (...args: readonly unknown[]) => unknown;
  try {
    process.send?.({ id, result: await Reflect.apply(method, work, args) } satisfies Answer);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.send?.({ id, error: text } satisfies Answer);
  }
}
