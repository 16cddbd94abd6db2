/** How the id of a share ends, so that scripts and functions of a back end know it from that of a lease alone. No other id has it. */
export const SHARED_MARK = '+';

export function isShare(id: string): boolean {
  return id.endsWith(SHARED_MARK);
}

/** The id that a lease has from when it is shared. The same each time, so that it may be asked for again. */
export function shareOf(id: string): string {
  return isShare(id) ? id : id + SHARED_MARK;
}
