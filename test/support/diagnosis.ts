import { expect } from 'vitest';
import { examine } from '../../lib/cli/doctor/examine.js';
import type { Diagnosis, Level } from '../../lib/cli/doctor/finding.js';
import type { Clock, CoordinationOptions } from '../../lib/index.js';

/** What is no secret of a test may be in no finding. */
export async function diagnose(
  options: CoordinationOptions,
  secrets: readonly string[] = [],
  clock?: Clock,
): Promise<Diagnosis> {
  const diagnosis = await examine(options, clock);
  for (const secret of secrets) expect(JSON.stringify(diagnosis)).not.toContain(secret);
  return diagnosis;
}

/** The findings of one level, each as `check: what`. */
export function toldAs(level: Level, { findings }: Diagnosis): string[] {
  return findings.filter((each) => each.level === level).map(({ check, what }) => `${check}: ${what}`);
}
