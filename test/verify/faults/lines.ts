import type { Readable } from 'node:stream';

/** Calls `onLine` for every whole line; the last one of a sender that was killed may be cut short, and is left out. */
export function onLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}
