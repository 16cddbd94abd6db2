import type { View } from '../../wire.js';
import { pathTo } from './paths.js';

/** Between two tries to connect, ms: it doubles from the first to the last. */
const [FIRST_RETRY, LAST_RETRY] = [1000, 15_000];
/** Without news for so long, ms, the connection is taken for dead. */
const SILENCE = 15_000;

export type StreamState = 'connecting' | 'live' | 'paused' | 'hidden' | 'reconnecting' | 'refused';

/** The views as the server sends them, while the page is visible and not paused. */
export class Stream {
  #source?: EventSource;
  #retry = FIRST_RETRY;
  #timer?: number;
  #paused = false;
  #search = '';

  constructor(
    private readonly onView: (view: View) => void,
    private readonly onState: (state: StreamState) => void,
  ) {
    document.addEventListener('visibilitychange', () => this.#begin());
    this.#begin();
  }

  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    this.#begin();
  }

  set search(search: string) {
    if (search === this.#search) return;
    this.#search = search;
    // While paused, the search takes effect when the page goes on.
    this.#begin();
  }

  #begin(): void {
    this.#end();
    if (this.#paused) return this.onState('paused');
    if (document.visibilityState === 'hidden') return this.onState('hidden');
    const source = new EventSource(`${pathTo('events')}?q=${encodeURIComponent(this.#search)}`);
    this.#source = source;
    this.#watchSilence();
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#retry = FIRST_RETRY;
      this.#watchSilence();
      this.onState('live');
      this.onView(JSON.parse(data) as View);
    });
    source.addEventListener('error', () => void this.#again());
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #watchSilence(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#again(), SILENCE);
  }

  /** An event source does not tell why it was refused, so the page asks. */
  async #again(): Promise<void> {
    this.#end();
    this.onState('reconnecting');
    const delay = this.#retry;
    this.#retry = Math.min(LAST_RETRY, delay * 2);
    this.#timer = window.setTimeout(() => this.#begin(), delay);
    const timer = this.#timer;
    const refused = await isRefused();
    if (!refused || timer !== this.#timer) return;
    clearTimeout(timer);
    this.onState('refused');
  }
}

async function isRefused(): Promise<boolean> {
  try {
    const { status } = await fetch(pathTo('data'), { method: 'HEAD' });
    return status === 401 || status === 403;
  } catch {
    // A server that does not answer has not refused.
    return false;
  }
}
