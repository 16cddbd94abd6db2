import { monotonicNow } from '../monotonic.js';
import { within } from '../within.js';
import { type Contention, contentionOf } from './contention.js';
import type { Crew } from './crew.js';
import type { ContendTerms } from './terms.js';

/** For the processes to be ready when it begins, ms. */
const LEAD = 30;
/** How long the last ones may go on waiting after the end, ms. */
const OVERTIME = 25_000;

/** Has so many processes contend for one lock. When they come to no end, new ones take their place. */
export async function loop(
  crew: Crew,
  processes: number,
  terms: Omit<ContendTerms, 'from'>,
): Promise<Contention> {
  const members = await crew.members(processes);
  const from = monotonicNow() + LEAD;
  try {
    const contending = members.map((member) => member.ask('contend', { ...terms, from }));
    return contentionOf(await within(terms.ms + OVERTIME, Promise.all(contending)), terms.ms);
  } catch (error) {
    await crew.end();
    throw error;
  }
}

/** A contender that takes part in contests may take so long, ms. */
export const CONTEST_LIMIT = 2 * OVERTIME + 10_000;
