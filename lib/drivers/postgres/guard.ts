import type { Grant } from '../driver.js';

/** What `idle_in_transaction_session_timeout` can be at most, ms. */
const LONGEST_IDLE = 2 ** 31 - 1;

/**
 * The statement that checks a lease inside a transaction: one literal, as statements with values are sent in a way that hides whether a
 * transaction is open, and some tools write values as `?`. The key is hexadecimal, so no name can be more than a text in it.
 *
 * @param schema as SQL writes it
 * @param idle after how many ms without a statement the server ends the transaction
 */
export function guardStatement(schema: string, { key, id }: Grant, idle: number): string {
  const name = `convert_from(decode('${Buffer.from(key).toString('hex')}', 'hex'), 'UTF8')`;
  const ms = Math.min(Math.max(0, Math.ceil(idle)), LONGEST_IDLE);
  return `SELECT ${schema}.guard_1(${name}, '${id}', ${ms})`;
}
