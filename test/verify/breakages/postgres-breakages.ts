import { type Breakage, spec } from './breakage.js';

const SCHEMA = 'lib/drivers/postgres/schema';
const GUARD_SPEC = 'test/integration/postgres/guard.spec.ts';
const SUITE = 'test/integration/postgres/driver-suite.spec.ts';
const ROWS_SPEC = 'test/integration/postgres/rows.spec.ts';

/** Of locks in PostgreSQL, and of what a transaction checks. */
export const POSTGRES_BREAKAGES: readonly Breakage[] = [
  {
    name: 'postgres: takeover by a plain UPDATE',
    wrong: 'a lock is taken over while a transaction under the last lease is still open',
    edits: [
      {
        file: `${SCHEMA}/acquire-sql.ts`,
        find: 'PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;',
        replace: 'PERFORM 1;',
      },
    ],
    foundBy: spec(GUARD_SPEC, 'keeps the lock from everybody else until the transaction ends'),
  },
  {
    name: 'postgres: a takeover that old snapshots do not see',
    wrong: 'a guard with a snapshot from before the takeover says "held"',
    edits: [
      {
        file: `${SCHEMA}/acquire-sql.ts`,
        find: 'PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;',
        replace: 'PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE SKIP LOCKED;',
      },
    ],
    foundBy: spec(GUARD_SPEC, 'fails when the lock was taken over after the snapshot'),
  },
  {
    name: 'postgres: shared past a writer that waits',
    wrong: 'readers that keep coming keep a writer out for ever',
    edits: [
      {
        file: `${SCHEMA}/shared-sql.ts`,
        find: "IF live AND (r.holder <> '${SHARED}' OR head.id IS NOT NULL) THEN",
        replace: "IF live AND r.holder <> '${SHARED}' THEN",
      },
      {
        file: `${SCHEMA}/shared-sql.ts`,
        find: 'ELSIF head.id IS NOT NULL THEN',
        replace: 'ELSIF false THEN',
      },
    ],
    foundBy: spec(SUITE, 'lets no newcomer share a lock before a waiter for an exclusive lease'),
  },
  {
    name: 'postgres: a share whose end is that of the last reader to come',
    wrong: 'a writer gets the lock while a reader with a longer ttl still has it',
    edits: [
      {
        file: `${SCHEMA}/shared-sql.ts`,
        find: "UPDATE ${s}.lease l SET expires_at = greatest(r.expires_at, t + p_ttl * interval '1 ms'), token = first_token WHERE l.name = p_name;",
        replace:
          "UPDATE ${s}.lease l SET expires_at = t + p_ttl * interval '1 ms', token = first_token WHERE l.name = p_name;",
      },
    ],
    foundBy: spec(SUITE, 'keeps the lock for a share when a shorter one, that came later, has ended'),
  },
  {
    name: 'postgres: shared under an open transaction',
    wrong: 'a downgrade lets readers in beside a transaction that was promised to be alone',
    edits: [
      {
        file: `${SCHEMA}/shared-sql.ts`,
        find: "IF NOT FOUND THEN RETURN 'guarded'; END IF;",
        replace: '',
      },
    ],
    foundBy: spec(
      GUARD_SPEC,
      'lets nobody share the lock before the transaction of the lease alone has ended',
    ),
  },
  {
    name: 'postgres: the guard of a share',
    wrong: 'a share that has ended is still held, as others share the lock',
    edits: [
      {
        file: `${SCHEMA}/guard-sql.ts`,
        find: "IF FOUND AND found_holder = '${SHARED}' THEN",
        replace: 'IF false THEN',
      },
    ],
    foundBy: spec(
      GUARD_SPEC,
      'of a share fails when it has ended, though others share the lock still or again',
    ),
  },
  {
    name: 'postgres: a guard outside a transaction',
    wrong: 'a guard on a pool, which protects nothing, says "held"',
    edits: [
      {
        file: `${SCHEMA}/guard-sql.ts`,
        find: 'IF transaction_timestamp() = statement_timestamp() THEN',
        replace: 'IF false THEN',
      },
    ],
    foundBy: spec(GUARD_SPEC, 'refuses what has no transaction open'),
  },
  {
    name: 'postgres: handed on under a guard',
    wrong: 'the next waiter of the process gets the lock while the transaction of the lease before is open',
    edits: [{ file: 'lib/lock/acquire/acquirer.ts', find: ' || this.#driver.guard)', replace: ')' }],
    foundBy: spec(GUARD_SPEC, 'is not handed on within the process while its transaction may be open'),
  },
  {
    name: 'postgres: a guard without a limit',
    wrong: 'a process that is stopped in the middle of a transaction keeps the lock for ever',
    edits: [
      {
        file: `${SCHEMA}/guard-sql.ts`,
        find: `PERFORM set_config('idle_in_transaction_session_timeout', p_idle::text, true);`,
        replace: 'NULL;',
      },
    ],
    foundBy: spec(GUARD_SPEC, 'ends the transaction of a process that is stopped'),
  },
  {
    name: 'postgres: the token in a row that is deleted',
    wrong: 'a lock that was not used for a day begins its tokens anew',
    edits: [
      {
        file: `${SCHEMA}/acquire-sql.ts`,
        find: `token = nextval('\${s}.token'),`,
        replace: 'token = r.token + 64,',
      },
    ],
    foundBy: spec(ROWS_SPEC, 'tokens grow over a row that was deleted'),
  },
  {
    name: 'postgres: grants committed asynchronously',
    wrong: 'a crash forgets a lease that was acknowledged',
    edits: [
      { file: `${SCHEMA}/acquire-sql.ts`, find: 'END IF;\n  ${COMMIT_SURELY}`;', replace: 'END IF;`;' },
    ],
    foundBy: spec(ROWS_SPEC, 'asks for a commit that a crash does not forget'),
  },
  {
    name: 'postgres: renewal of an expired lease',
    wrong: 'a lease that has ended, and that others may have seen as over, comes back',
    edits: [
      {
        file: `${SCHEMA}/renew-sql.ts`,
        find: 'WHERE l.expires_at > clock_timestamp() ORDER BY',
        replace: 'ORDER BY',
      },
    ],
    foundBy: spec(
      'test/integration/postgres/driver-suite.spec.ts',
      'does not renew a lease that has expired',
    ),
  },
  {
    name: 'postgres: a hand-over believed by an old look',
    wrong: 'a waiter whose notification comes late believes in a lease that has ended',
    edits: [
      {
        file: 'lib/drivers/postgres/queue/postgres-waiter.ts',
        find: 'if (this.#answered?.look === look)',
        replace: 'if (this.#answered)',
      },
    ],
    foundBy: spec('test/unit/postgres/waiter.spec.ts', 'asks when it has looked since'),
  },
  {
    name: 'postgres: no quarantine after a failover',
    wrong: 'a standby that lacks the last grants gives their locks to others',
    edits: [
      { file: `${SCHEMA}/server-sql.ts`, find: 'IF r.timeline <> timeline THEN', replace: 'IF false THEN' },
    ],
    foundBy: spec(
      'test/integration/postgres/failover.spec.ts',
      'gives no lock that a lost lease may still have',
    ),
  },
];
