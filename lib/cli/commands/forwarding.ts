import { send } from '../process-group.js';

/** The signals of a terminal, a supervisor or a person that the command gets. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** Passes signals on to a command, from before it is started: one that comes while it is being started is kept until then. */
export class Forwarding {
  #group: number | undefined;
  readonly #early: NodeJS.Signals[] = [];
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#group === undefined) this.#early.push(signal);
    else send(this.#group, signal);
  };

  constructor() {
    for (const signal of FORWARDED) process.on(signal, this.#onSignal);
  }

  /** The command runs, as the leader of this process group. */
  to(group: number): void {
    this.#group = group;
    for (const signal of this.#early.splice(0)) send(group, signal);
  }

  end(): void {
    for (const signal of FORWARDED) process.off(signal, this.#onSignal);
  }
}
