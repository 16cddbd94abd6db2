/** The SQLSTATE of a guard whose lease is no longer held, or whose transaction has a snapshot that is older than the lease. */
export const NOT_HELD = 'NC001';

/** The SQLSTATE of a guard outside a transaction. */
export const NO_TRANSACTION = 'NC003';
