import { quoted } from '../../common/quoted.js';
import type { Seen } from '../poller.js';
import type { Health, JobRow, Level, LockRow, MemberRow, Note } from '../wire.js';

/** So many notes of each kind; the tables have them all. */
const NOTES = 3;
/** ms */
const OVERDUE = 60_000;

interface Rows {
  readonly locks: readonly LockRow[];
  readonly jobs: readonly JobRow[];
  readonly members: readonly MemberRow[];
}

/** The verdict on the rows, with a note for each problem. */
export function healthOf(seen: Seen, rows: Rows, now: number): Health {
  const { facts, problem } = seen;
  const down: Note[] = problem
    ? [{ level: 'person', text: `The back end does not answer: ${problem.message}` }]
    : [];
  const notes = [...down, ...lockNotes(rows.locks), ...jobNotes(rows.jobs), ...memberNotes(rows.members)];
  const people = notes.filter(({ level }) => level === 'person').length;
  const level: Level = people > 0 ? 'person' : notes.length > 0 ? 'watch' : 'plain';
  const staleFor = problem && facts ? now - facts.at : undefined;
  return { level, text: verdict(people, notes.length, facts?.members.length ?? 0), notes, staleFor };
}

function verdict(people: number, all: number, members: number): string {
  if (people > 0) return people === 1 ? 'One thing needs a person' : `${people} things need a person`;
  if (all > 0) return all === 1 ? 'It works; one thing is unusual' : `It works; ${all} things are unusual`;
  return `All is well: the back end answers, and ${members === 1 ? 'one replica lives' : `${members} replicas live`}`;
}

function lockNotes(locks: readonly LockRow[]): Note[] {
  return locks
    .filter(({ level }) => level === 'person')
    .slice(0, NOTES)
    .map(({ name, level, holders, heldFor = 0, usually, waiting }) => {
      const usual = usually === undefined ? '' : `, usually ${seconds(usually)}`;
      const calls = waiting === 1 ? 'one call waits' : `${waiting} calls wait`;
      return {
        level,
        text: `${holders.join(', ')} has held ${quoted(name)} for ${seconds(heldFor)}${usual}; ${calls}`,
      };
    });
}

function jobNotes(jobs: readonly JobRow[]): Note[] {
  return jobs
    .filter(({ level }) => level !== 'plain')
    .slice(0, NOTES)
    .map(({ name, level, failures, nextIn = 0, last }) => {
      if (failures > 1)
        return { level, text: `The job ${quoted(name)} has failed ${failures} times in a row` };
      if (nextIn < -OVERDUE)
        return { level, text: `The job ${quoted(name)} should have run ${seconds(-nextIn)} ago` };
      return {
        level,
        text: `The last run of the job ${quoted(name)} ${last?.outcome === 'lost' ? 'was lost' : 'failed'}`,
      };
    });
}

function memberNotes(members: readonly MemberRow[]): Note[] {
  return members
    .filter(({ level }) => level !== 'plain')
    .slice(0, NOTES)
    .map(({ agentId, level, seenAgo }) => ({
      level,
      text: `${agentId} has given no sign of life for ${seconds(seenAgo)}`,
    }));
}

/** Rounded to what a sentence needs. */
function seconds(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 180_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
