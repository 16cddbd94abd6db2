/** The value of the key of a shared lock. No id looks like it. */
export const SHARED = 'shared';
