import { Client } from 'pg';
import type { LockKind } from './locks.js';

async function connected({ backendUrl }: { readonly backendUrl: string }): Promise<Client> {
  const client = new Client({ connectionString: backendUrl });
  await client.connect();
  return client;
}

/** Two round trips that do nothing: the least that asking PostgreSQL twice can cost. */
export const twoSelects: LockKind = {
  id: 'select-1',
  name: 'two SELECT 1',
  open: async (place) => {
    const client = await connected(place);
    const select = (): Promise<unknown> => client.query('SELECT 1');
    return { lock: () => ({ acquire: select, release: select }), close: () => client.end() };
  },
};

/** Locks of a session, on one connection: without a lease, a token or a guard, and each ends with the connection. */
export const advisory: LockKind = {
  id: 'advisory',
  name: 'pg_advisory_lock',
  open: async (place) => {
    const client = await connected(place);
    // One statement at a time, as pg asks for it.
    let last: Promise<unknown> = Promise.resolve();
    const query = (text: string, key: string): Promise<unknown> => {
      last = last.then(() => client.query(text, [key]));
      return last;
    };
    return {
      lock: (key) => ({
        acquire: () => query('SELECT pg_advisory_lock(hashtext($1))', key),
        release: () => query('SELECT pg_advisory_unlock(hashtext($1))', key),
      }),
      close: () => client.end(),
    };
  },
};
