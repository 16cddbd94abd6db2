/** A name that is longer than this, in characters, is cut where it is shown; the message has to stay one line that can be read. */
const LONGEST_SHOWN = 200;

/** What ends a line, moves the cursor of a terminal, turns the direction of text around, or is no character at all. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text that stays in its line: what cannot be printed is shown as in a string of JavaScript. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** A name as messages and log lines show it, in quotes. It may come from a client of the application, and be made to deceive. */
export function quoted(name: string): string {
  return `"${printable(cut(name))}"`;
}

/** The text of somebody else's error in a message of ours: its first line. What an error says may come from a client of the application, too. */
export function firstLineOf(error: unknown): string {
  const [line = ''] = String(error).split('\n', 1);
  return printable(cut(line));
}

function cut(name: string): string {
  return name.length <= LONGEST_SHOWN
    ? name
    : `${name.slice(0, LONGEST_SHOWN)}… (${name.length} characters in all)`;
}
