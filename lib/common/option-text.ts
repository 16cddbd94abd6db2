/** Options that come as text, from the environment or a URL. Text that means nothing is returned as it is, for a check to show. */

/** A duration as a number of ms where that is all that it says, so that it is shown so. */
export function durationFrom(text: string): number | string {
  const number = Number(text);
  return Number.isNaN(number) || text.trim() === '' ? text : number;
}

export function booleanFrom(text: string): boolean | string {
  return text === 'true' ? true : text === 'false' ? false : text;
}
