/** The suffix of a shared lease's id. Scripts and SQL functions know a shared lease by it; no id of an exclusive lease has it. */
export const SHARED_MARK = '+';

export function isShare(id: string): boolean {
  return id.endsWith(SHARED_MARK);
}

/** The id of a lease once it is shared. It is always the same, so that the downgrade can be repeated. */
export function shareOf(id: string): string {
  return isShare(id) ? id : id + SHARED_MARK;
}
