/** The value of a key whose lock is shared. No id is like it. */
export const SHARED = 'shared';
