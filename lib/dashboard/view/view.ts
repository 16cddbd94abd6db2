import type { Activity } from '../activity/index.js';
import type { Seen } from '../poller.js';
import type { Facts } from '../source.js';
import type { View } from '../wire.js';
import type { ViewContext } from './context.js';
import { healthOf } from './health.js';
import { jobRows } from './job-rows.js';
import { lockRows, longestWait, queueRows } from './lock-rows.js';
import { memberRows } from './member-rows.js';

/** The coordinator that answers. */
export interface Viewpoint {
  readonly agentId: string;
  readonly prefix: string;
  readonly ttl: number;
  readonly activity: Activity;
}

const NOTHING: Omit<Facts, 'at'> = { locks: [], members: [], jobs: [] };

/**
 * The view of one viewer.
 * @param search text that has to be in a lock's name, a function or a replica; empty for all
 */
export function viewOf(seen: Seen, viewpoint: Viewpoint, search: string, now: number): View {
  const { agentId, prefix, activity } = viewpoint;
  const facts = seen.facts ?? { at: now, ...NOTHING };
  const context: ViewContext = { ...contextOf(facts, viewpoint), search: search.toLowerCase() };
  const everything = { ...context, search: '' };
  const queues = queueRows(facts.locks, context);
  const locks = lockRows(facts.locks, context);
  const jobs = jobRows(facts.jobs, context);
  const members = memberRows(facts.members, context);
  const all =
    search === ''
      ? { locks, jobs, members }
      : {
          locks: lockRows(facts.locks, everything),
          jobs: jobRows(facts.jobs, everything),
          members: memberRows(facts.members, everything),
        };
  const waits = facts.locks.flatMap((lock) => longestWait(lock, facts.at) ?? []);
  return {
    at: facts.at,
    agentId,
    prefix,
    // A problem needs a person whatever the search is.
    health: healthOf(seen, { locks: all.locks.rows, jobs: all.jobs.rows, members: all.members.rows }, now),
    totals: {
      members: facts.members.length,
      held: all.locks.total,
      waiting: facts.locks.reduce((sum, { waiters }) => sum + waiters.length, 0),
      longestWait: waits.length === 0 ? undefined : waits.reduce((one, other) => Math.max(one, other)),
      wait95: activity.timeline.wait95,
      lost: activity.losses,
    },
    chart: activity.timeline.chart(),
    locks,
    queues,
    jobs,
    members,
    events: activity.news.rows,
  };
}

function contextOf(facts: Facts, { prefix, ttl, activity }: Viewpoint): Omit<ViewContext, 'search'> {
  const names = new Map(facts.members.map(({ memberId, agentId }) => [memberId, agentId]));
  const withoutPrefix = (memberId: string): string =>
    memberId.startsWith(prefix) ? memberId.slice(prefix.length) : memberId;
  return {
    at: facts.at,
    ttl,
    usual: activity.usual,
    agentOf: (memberId) => names.get(memberId) ?? withoutPrefix(memberId),
  };
}
