/** One URL of a back end, taken apart; the driver reads the rest. It may hold a password, so nothing may quote it. */
export interface BackendUrl {
  readonly scheme: string;
  /** The part between `scheme:` and the query, with `//`. */
  readonly rest: string;
  readonly query: string;
}

/** The schemes that a URL may begin with. */
export interface KnownSchemes {
  readonly all: readonly string[];
  /** The schemes that need no "//". */
  readonly bare: readonly string[];
}

/**
 * Takes a back-end URL apart, or a list of them.
 * @returns at least one URL, each with a scheme that is known
 * @throws an Error with one line that says what is wrong and what to do, and never quotes a password
 */
export function takeApart(input: string | readonly string[], schemes: KnownSchemes): readonly BackendUrl[] {
  const texts =
    typeof input === 'string' ? splitList(input, schemes) : input.flatMap((text) => splitList(text, schemes));
  if (texts.length === 0) throw new Error(`is empty; give a URL, ${known(schemes)}`);
  return texts.map((text) => partsOf(text, schemes));
}

/** @throws an Error for a list, where a back end has one URL */
export function onlyOne([first, ...more]: readonly BackendUrl[]): BackendUrl {
  if (!first) throw new Error('a URL is missing');
  if (more.length > 0)
    throw new Error(`a list of URLs is for the nodes of one back end; give one ${first.scheme}: URL`);
  return first;
}

/** A comma separates URLs only where a new `scheme:` follows; otherwise it separates hosts. */
function splitList(text: string, { bare }: KnownSchemes): string[] {
  const trimmed = text.trim();
  const beginnings = ['[a-z][a-z0-9+.-]*://', ...bare.map((scheme) => `${scheme}:`)];
  const next = new RegExp(`\\s*,\\s*(?=${beginnings.join('|')})`, 'i');
  return trimmed === '' ? [] : trimmed.split(next);
}

function partsOf(url: string, schemes: KnownSchemes): BackendUrl {
  const match = /^([a-z][a-z0-9+.-]*):([^?#]*)(?:\?([^#]*))?$/is.exec(url.trim());
  if (!match) {
    if (url.includes('#')) throw new Error('there is a "#" in the URL; write it as %23');
    throw new Error(`is not a URL; begin with a scheme, ${known(schemes)}`);
  }
  const scheme = (match[1] ?? '').toLowerCase();
  const rest = match[2] ?? '';
  const query = match[3] ?? '';
  if (!schemes.all.includes(scheme)) {
    // Without "//" the text before the colon may be a user or a password that lost its scheme.
    const quoted = rest.startsWith('//') || !url.includes('@') ? ` "${scheme}:"` : '';
    throw new Error(`unknown scheme${quoted}; ${known(schemes)}`);
  }
  if (query.includes('@')) {
    throw new Error('there is an "@" after the "?"; percent-encode ? and @ in user, password and query');
  }
  return { scheme, rest, query };
}

function known({ all }: KnownSchemes): string {
  return `known are ${all.map((scheme) => `${scheme}:`).join(', ')}`;
}
