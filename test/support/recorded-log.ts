import { Logger, type LoggerService, type LogLevel } from '@nestjs/common';

const OURS: readonly unknown[] = ['CoordinatorService', 'Synchronized', 'CoordinationModule'];

/** Keeps what is logged through Nest's Logger, instead of printing it. */
export class RecordedLog implements LoggerService {
  readonly lines: { readonly level: string; readonly text: string }[] = [];
  #levels: readonly LogLevel[] = [];

  /** From here on everything is logged here. */
  static install(levels?: LogLevel[]): RecordedLog {
    const log = new RecordedLog();
    Logger.overrideLogger(log);
    Logger.overrideLogger(levels ?? ['log', 'error', 'warn', 'debug', 'verbose', 'fatal']);
    return log;
  }

  log = this.#keep('log');
  error = this.#keep('error');
  warn = this.#keep('warn');
  debug = this.#keep('debug');
  verbose = this.#keep('verbose');
  fatal = this.#keep('fatal');

  /** The lines of that level, of our own contexts. */
  of(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  setLogLevels(levels: LogLevel[]): void {
    this.#levels = levels;
  }

  isLevelEnabled(level: LogLevel): boolean {
    return this.#levels.includes(level);
  }

  get all(): string {
    return this.lines.map(({ level, text }) => `${level} ${text}`).join('\n');
  }

  #keep(level: string): (message: unknown, ...rest: unknown[]) => void {
    return (message, ...rest) => {
      const context = rest.at(-1);
      if (!OURS.includes(context)) return;
      this.lines.push({ level, text: [message, ...rest.slice(0, -1)].map(String).join(' ') });
    };
  }
}
