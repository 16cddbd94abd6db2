const BAR = 24;
/** Between two lines of progress where there is no terminal, as a part of the whole. */
const STEP = 0.25;

/** The last line of a terminal tells what goes on; it is not left behind. */
let statusShown = false;

export function say(text = ''): void {
  const start = statusShown ? '\r\x1b[K' : '';
  statusShown = false;
  process.stdout.write(`${start}${text}\n`);
}

/** Shown until the next line, on a terminal only. */
export function status(text: string): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r\x1b[K${text}`);
  statusShown = true;
}

/** A bar on a terminal; a few plain lines otherwise. */
export class Progress {
  #lastStep = 0;

  update(done: number, total: number): void {
    const part = done / total;
    const filled = Math.round(part * BAR);
    status(`   ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done} of ${total} operations`);
    const step = Math.floor(part / STEP);
    if (process.stdout.isTTY || step === this.#lastStep || part === 1) return;
    this.#lastStep = step;
    say(`   ${done} of ${total} operations`);
  }
}
