/** Options that come as text, from the environment or a URL. Text that cannot be read is returned as it is, for a check to show. */

/** A duration: a number of ms where the text is only a number, so that messages show it as one. */
export function durationFrom(text: string): number | string {
  const number = Number(text);
  return Number.isNaN(number) || text.trim() === '' ? text : number;
}

export function booleanFrom(text: string): boolean | string {
  return text === 'true' ? true : text === 'false' ? false : text;
}
