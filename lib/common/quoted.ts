/** Messages cut a name that is longer than this, in characters: a message has to stay one line that can be read. */
const LONGEST_SHOWN = 200;

/** Characters that end a line, move the cursor of a terminal or turn the direction of text around, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Keeps text in its line: an unprintable character is shown as in a string of JavaScript. */
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

/** The first line of a foreign error, for a message of this package. Its text may come from a client of the application, too. */
export function firstLineOf(error: unknown): string {
  const [line = ''] = String(error).split('\n', 1);
  return printable(cut(line));
}

function cut(name: string): string {
  return name.length <= LONGEST_SHOWN
    ? name
    : `${name.slice(0, LONGEST_SHOWN)}… (${name.length} characters in all)`;
}
