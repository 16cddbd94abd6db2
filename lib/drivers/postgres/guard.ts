import type { Grant } from '../driver.js';

/** The largest value of `idle_in_transaction_session_timeout`, ms. */
const LONGEST_IDLE = 2 ** 31 - 1;

/**
 * The statement that checks a lease inside a transaction. It is one literal without values, for two reasons: a statement with values is
 * sent in a way that hides whether a transaction is open, and some tools write values as `?`. The key is hexadecimal, so that no name
 * can break out of its text.
 *
 * @param schema as SQL writes it
 * @param idle the server ends the transaction after this many ms without a statement
 */
export function guardStatement(schema: string, { key, id }: Grant, idle: number): string {
  const name = `convert_from(decode('${Buffer.from(key).toString('hex')}', 'hex'), 'UTF8')`;
  const ms = Math.min(Math.max(0, Math.ceil(idle)), LONGEST_IDLE);
  return `SELECT ${schema}.guard_1(${name}, '${id}', ${ms})`;
}
