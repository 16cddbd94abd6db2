/**
 * Where a lock is asked for: known of decorated methods, jobs and elections. There is one such object for each of them, made once, so that
 * a call costs nothing more. It never has values of a call in it, so that there are few of them.
 */
export interface CallOrigin {
  /** The method, as `ShareController.createSnapshot`. */
  readonly function?: string | undefined;
  /** What the lock's name is made of, as `<fName>-<share.id>`. */
  readonly template?: string | undefined;
}
