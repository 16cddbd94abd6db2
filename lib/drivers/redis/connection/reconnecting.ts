/** The pauses between two tries to reach or to use a node, ms. */
export const RECONNECTING = { first: 50, longest: 2000 };
