import { LockAcquireFailedError } from '../errors.js';
import { quoted } from '../common/quoted.js';
import { lockManagerOf } from '../lock/index.js';
import { begun, type HeldLease, runUnder } from '../lock/lease/index.js';
import { jobProvider, jobSettings, type RunOnceDefinition } from './definition.js';
import { insideJob, occasionOf } from './trigger.js';
import { type Run, runIn, Claim, type Job, type Occasion, jobsOf } from '../runs/index.js';

/** A client that called a job by hand while it ran may try again after this time, ms. */
const RETRY_AFTER = 1000;

/**
 * A call of a method under `@RunOnce`.
 *
 * @returns what the method returns; undefined when the run is not this replica's
 * @throws what the method throws; for a call by hand LockAcquireFailedError while the job runs
 */
export async function runJob(
  definition: RunOnceDefinition,
  host: unknown,
  body: () => unknown,
): Promise<unknown> {
  // First of all: the caller is known in this turn of the event loop only.
  const asked = occasionOf(definition, host);
  const provider = jobProvider(definition, host);
  const job = jobsOf(provider).of(jobSettings(definition, Object(host) as object), definition.label);
  const occasion = await asked;
  if (!occasion) return runByHand(definition, host, job, body);
  return runClaimed(job, definition, occasion, body);
}

async function runClaimed(
  job: Job,
  definition: RunOnceDefinition,
  occasion: Occasion,
  body: () => unknown,
): Promise<unknown> {
  for (;;) {
    const claim = await job.claim(occasion);
    if (!(claim instanceof Claim)) return undefined;
    if (claim.run.tick.getTime() >= occasion.tick) return runUnderClaim(claim, definition, body);
    // The run of an earlier tick was lost and comes first. Its failure is in the log and in the record, and is no reason to leave
    // this tick out.
    await runUnderClaim(claim, definition, body).catch(() => undefined);
  }
}

async function runUnderClaim(
  claim: Claim,
  { label }: RunOnceDefinition,
  body: () => unknown,
): Promise<unknown> {
  let result: unknown;
  try {
    result = await runBody(claim.lease, label, claim.run, body);
  } catch (error) {
    await claim.end('failed', error);
    throw error;
  }
  await claim.end('succeeded');
  return result;
}

/** Runs under the same lock, and so never beside a tick. It writes no record, as it has no tick. */
async function runByHand(
  definition: RunOnceDefinition,
  host: unknown,
  job: Job,
  body: () => unknown,
): Promise<unknown> {
  const { label } = definition;
  const provider = jobProvider(definition, host);
  const manager = lockManagerOf(provider, `@RunOnce on ${label}`);
  const lease = await job.lock(manager, 0);
  if (!lease) {
    throw new LockAcquireFailedError(
      `Job ${quoted(job.name)}: ${label} was called by hand on member ${manager.memberId} while the job runs; try again when that run is over`,
      { retryAfter: RETRY_AFTER },
    );
  }
  const tick = new Date(manager.clock.wall());
  const run: Run = { name: job.name, tick, attempt: 1, madeUp: false, byHand: true, lease };
  try {
    return await runBody(lease, label, run, body);
  } finally {
    await lease.finish();
  }
}

function runBody(lease: HeldLease, label: string, run: Run, body: () => unknown): unknown {
  return insideJob(() => runIn(run, () => runUnder(lease, label, () => begun(body()))));
}
