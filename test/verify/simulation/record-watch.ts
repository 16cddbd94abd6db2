import type { RecordStore } from '../../../lib/drivers/driver.js';
import { RUNS, type RunRecord } from '../../../lib/runs/run-record.js';
import type { Journal } from './journal.js';
import type { Actor } from './world.js';

/** Notes what a process stores of its jobs, and which versions it is told of. */
export function watchRecords(records: RecordStore, member: Actor, worker: string, journal: Journal): void {
  const get = records.get.bind(records);
  const put = records.put.bind(records);
  const saw = (called: number, job: string, version: number): void =>
    journal.add({ type: 'version seen', called, at: member.now, worker, job, version });
  records.get = async (space, key) => {
    const called = member.now;
    const stored = await get(space, key);
    if (space === RUNS) saw(called, key, stored?.version ?? 0);
    return stored;
  };
  records.put = async (record, ttl) => {
    const { space, key: job, version, value } = record;
    if (space !== RUNS) return put(record, ttl);
    const called = member.now;
    const { state, tick, attempt } = JSON.parse(value) as RunRecord;
    if (state === 'started') journal.add({ type: 'start written', at: called, worker, job, tick, attempt });
    const stored = await put(record, ttl);
    // What else was there may be on one node alone.
    if (stored.value === value) saw(called, job, version);
    return stored;
  };
}
