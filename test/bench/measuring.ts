import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Bench, type BenchSettings } from './bench.js';
import { pinToClientCore } from './pin.js';
import { measure } from './rounds.js';
import type { RunSamples, Scenario, Size } from './scenario.js';
import { scenarios } from './scenarios/index.js';

/** What a measuring process is told, as its argument. */
interface Order {
  readonly id: string;
  readonly settings: BenchSettings;
}

export function sizeOf(scenario: Scenario, short: boolean): Size {
  return short ? scenario.short : scenario;
}

/** In this process, all with the same crew. */
export async function measureHere(
  chosen: readonly Scenario[],
  settings: BenchSettings,
  onDone: (scenario: Scenario, samples: RunSamples) => void,
): Promise<void> {
  if (!settings.short) pinToClientCore();
  const bench = new Bench(settings);
  try {
    for (const scenario of chosen) {
      const samples = await measure(scenario, sizeOf(scenario, settings.short), bench);
      await bench.crew.dismiss();
      onDone(scenario, samples);
    }
  } finally {
    await bench.end();
  }
}

/** In a process of its own. */
export async function measureApart({ id }: Scenario, settings: BenchSettings): Promise<RunSamples> {
  const order: Order = { id, settings };
  const child = fork(process.argv[1] ?? '', ['--measure', JSON.stringify(order)], {
    // JSON has no NaN.
    serialization: 'advanced',
  });
  const answers: RunSamples[] = [];
  child.on('message', (message) => answers.push(message as RunSamples));
  const [code] = (await once(child, 'exit')) as [number | null];
  const [samples] = answers;
  if (code !== 0 || !samples) throw new Error(`scenario ${id} ended with code ${code}`);
  return samples;
}

/** What such a process does. */
export async function obey(text: string): Promise<void> {
  process.once('disconnect', () => process.exit(1));
  const { id, settings } = JSON.parse(text) as Order;
  const scenario = scenarios.find((each) => each.id === id);
  if (!scenario) throw new Error(`there is no scenario ${id}`);
  let samples: RunSamples = {};
  await measureHere([scenario], settings, (_scenario, all) => (samples = all));
  // What still waits for an answer that never comes would keep it alive.
  process.send?.(samples, () => process.exit());
}
