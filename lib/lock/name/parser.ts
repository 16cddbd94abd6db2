/** A piece of a lock name: literal text, or a field to be filled. */
export type Part = string | Field;

export interface Field {
  /** The field as it is written, without its brackets: `snap[list][1]`. */
  readonly text: string;
  /** Its first segment: `snap`. */
  readonly root: string;
  readonly steps: readonly Step[];
}

/** One attribute or key of a field. */
export interface Step {
  readonly kind: 'attribute' | 'key';
  readonly name: string;
  /** The field up to this step, without it: `snap[list]` for the step `[1]`. */
  readonly holder: string;
  /** The field up to and with this step. */
  readonly text: string;
}

/** Called with the problem and its remedy; throws. */
export type Fail = (problem: string) => never;

const CLOSERS: Readonly<Record<string, string>> = { '<': '>', '{': '}' };
const LITERAL_TEXT = /[^<>{}]+/y;
const DIGITS = /\d+/y;

/** An identifier of JavaScript: the possible names of parameters and attributes. */
const IDENTIFIER = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;

/** Whether a field can begin with this name. */
export function isFieldName(name: string): boolean {
  IDENTIFIER.lastIndex = 0;
  return IDENTIFIER.exec(name)?.[0] === name;
}

/** Splits a lock name into its parts, from left to right. */
export class LockNameParser {
  readonly #source: string;
  readonly #fail: Fail;
  #at = 0;

  constructor(source: string, fail: Fail) {
    this.#source = source;
    this.#fail = fail;
  }

  parse(): readonly Part[] {
    const parts: Part[] = [];
    let literal = '';
    while (this.#at < this.#source.length) {
      const text = this.#take(LITERAL_TEXT) ?? this.#takeDoubledBracket();
      if (text !== undefined) {
        literal += text;
        continue;
      }
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(this.#field());
    }
    if (literal !== '') parts.push(literal);
    return parts;
  }

  #takeDoubledBracket(): string | undefined {
    const bracket = this.#char();
    if (this.#source[this.#at + 1] !== bracket) return undefined;
    this.#at += 2;
    return bracket;
  }

  #field(): Field {
    const opener = this.#char();
    const closer = CLOSERS[opener];
    if (closer === undefined) {
      return this.#fail(
        `'${opener}' at character ${this.#at + 1} closes nothing; write '${opener}${opener}' for a literal one`,
      );
    }
    const opened = this.#at++;
    const root = this.#root(opener, closer, opened);
    const steps: Step[] = [];
    while (this.#char() !== closer) steps.push(this.#step(root, steps.at(-1), opener, opened));
    this.#at++;
    return { text: this.#source.slice(opened + 1, this.#at - 1), root, steps };
  }

  #root(opener: string, closer: string, opened: number): string {
    const root = this.#take(IDENTIFIER);
    if (root !== undefined) return root;
    const next = this.#char();
    if (next === '') return this.#unclosed(opener, opened);
    if (next === closer) {
      return this.#fail(
        `the field '${opener}${closer}' is empty; name a parameter in it, or double the brackets`,
      );
    }
    const digits = this.#take(DIGITS);
    if (digits !== undefined) {
      return this.#fail(`the field '${digits}' is positional; name the parameter instead`);
    }
    return this.#fail(
      `the field at character ${opened + 1} has no parameter name before '${next}'; begin with one`,
    );
  }

  #step(root: string, previous: Step | undefined, opener: string, opened: number): Step {
    const holder = previous?.text ?? root;
    const next = this.#char();
    switch (next) {
      case '':
        return this.#unclosed(opener, opened);
      case '.': {
        this.#at++;
        const name = this.#take(IDENTIFIER);
        if (name === undefined) {
          return this.#fail(
            `'${holder}.' is not followed by an attribute name; keys are written ${holder}[key]`,
          );
        }
        return { kind: 'attribute', name, holder, text: `${holder}.${name}` };
      }
      case '[':
        return this.#key(holder);
      case ':':
        return this.#fail(`'${holder}' has a format spec; values are put in as they are, so leave it out`);
      case '!':
        return this.#fail(`'${holder}' has a conversion; values are put in as they are, so leave it out`);
      default:
        return previous?.kind === 'key'
          ? this.#fail(
              `'${holder}' is followed by '${next}'; after a key comes '.', '[' or the closing bracket`,
            )
          : this.#fail(`'${holder}' is followed by '${next}', which no name has; write such keys as [key]`);
    }
  }

  /** Any character up to the next ']' belongs to the key, brackets too. */
  #key(holder: string): Step {
    const end = this.#source.indexOf(']', this.#at);
    if (end === -1) return this.#fail(`the '[' after '${holder}' is not closed; add the ']'`);
    const name = this.#source.slice(this.#at + 1, end);
    if (name === '') return this.#fail(`'${holder}[]' has an empty key; name one`);
    this.#at = end + 1;
    return { kind: 'key', name, holder, text: `${holder}[${name}]` };
  }

  #unclosed(opener: string, opened: number): never {
    return this.#fail(
      `'${opener}' at character ${opened + 1} is not closed; write '${opener}${opener}' for a literal one`,
    );
  }

  /** The character at the present place, '' at the end. */
  #char(): string {
    const code = this.#source.codePointAt(this.#at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }
}
