/** The SQLSTATE of a guard whose lease is not held any more, or whose transaction sees the time before it. */
export const NOT_HELD = 'NC001';

/** The SQLSTATE of a guard outside of a transaction. */
export const NO_TRANSACTION = 'NC003';
