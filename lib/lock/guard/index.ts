export { type Guard, type GuardLoss, runGuard } from './guard.js';
export type { GuardedTransaction } from './transaction.js';
