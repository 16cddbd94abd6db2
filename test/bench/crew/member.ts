import { fork } from 'node:child_process';
import { FixtureProcess } from '../../support/fixture-process.js';
import type { Answer, Call } from './serve.js';
import type { Work } from './work.js';

/** The names of the methods of {@link Work}. */
type Task = keyof Work;
type Result<T extends Task> = Awaited<ReturnType<Work[T]>>;

/** How long a process may take for what it is told, ms. */
const LIMIT = 180_000;

/** A process of its own, that runs this very program as a worker. */
export class Member {
  #calls = 0;

  private constructor(readonly process: FixtureProcess) {}

  static async start(): Promise<Member> {
    const script = process.argv[1] ?? '';
    const child = fork(script, ['--work'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    const member = new Member(new FixtureProcess(child));
    await member.process.receive((message) => message === 'ready');
    return member;
  }

  /** It was killed, or has ended by itself. */
  get gone(): boolean {
    const { exitCode, signalCode } = this.process.child;
    return exitCode !== null || signalCode !== null;
  }

  /** Has it do that, and resolves to what it answers. */
  async ask<T extends Task>(what: T, ...args: Parameters<Work[T]>): Promise<Result<T>> {
    if (this.gone) throw new Error('the process has ended');
    this.#calls += 1;
    const id = this.#calls;
    this.process.send({ id, what, args } satisfies Call);
    const answer = await this.process.receive(
      (message): message is Answer =>
        typeof message === 'object' && message !== null && 'id' in message && message.id === id,
      LIMIT,
    );
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result as Result<T>;
  }

  async end(): Promise<void> {
    await this.process.kill();
  }
}
