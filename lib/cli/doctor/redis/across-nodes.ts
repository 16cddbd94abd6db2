import { Findings } from '../finding.js';
import type { NodeReport } from './examine-node.js';

/** By how much the clocks of two nodes may differ before that is worth a warning, ms. */
const SKEW_MS = 1000;

/** The findings that only show when all nodes are compared. */
export function compareNodes(reports: readonly NodeReport[]): Findings {
  const findings = new Findings('all nodes');
  tellQuorum(findings, reports);
  tellTwins(findings, reports);
  tellClocks(findings, reports);
  return findings;
}

function tellQuorum(findings: Findings, reports: readonly NodeReport[]): void {
  const bad = reports.filter((report) => report.findings.all.some(({ level }) => level === 'problem'));
  const quorum = Math.floor(reports.length / 2) + 1;
  const good = reports.length - bad.length;
  const what = `${good} of ${reports.length} nodes can be used, and ${quorum} are needed`;
  if (good === reports.length) findings.ok('quorum', what);
  else if (good >= quorum)
    findings.warning(
      'quorum',
      what,
      good === quorum ? 'when one more fails, no lock is granted' : 'fewer nodes may fail than there could',
      `mend ${bad.map(({ name }) => name).join(', ')}`,
    );
  else
    findings.problem('quorum', what, 'no lock is granted', `mend ${bad.map(({ name }) => name).join(', ')}`);
}

/** One server counted twice has two votes: a minority of the machines would be a majority of the nodes. */
function tellTwins(findings: Findings, reports: readonly NodeReport[]): void {
  let twins = 0;
  for (const [index, one] of reports.entries()) {
    for (const other of reports.slice(index + 1)) {
      const [a, b] = [one.facts?.info, other.facts?.info];
      const same = (key: string): boolean => (a?.get(key) ?? '') !== '' && a?.get(key) === b?.get(key);
      const what = same('run_id')
        ? `${one.name} and ${other.name} are the same server`
        : same('master_replid')
          ? `${one.name} and ${other.name} have one history: one of them is a replica of the other, or both are of a third`
          : undefined;
      if (what === undefined) continue;
      twins += 1;
      findings.problem(
        'twins',
        what,
        'when that one fails, two votes are gone; the second one is refused',
        'give each node a server of its own, which is no replica of another',
      );
    }
  }
  if (twins === 0 && reports.length > 1) findings.ok('twins', 'each node is a server of its own');
}

function tellClocks(findings: Findings, reports: readonly NodeReport[]): void {
  const clocks = reports.flatMap(({ name, facts }) => (facts ? [{ name, ...facts.measured }] : []));
  const sorted = clocks.toSorted((a, b) => a.ahead - b.ahead);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last || first === last) return;
  const apart = last.ahead - first.ahead;
  const what = `their clocks are ${apart.toFixed(0)} ms apart at most`;
  if (apart - first.within - last.within < SKEW_MS) findings.ok('clock', what);
  else
    findings.warning(
      'clock',
      `${what}: ${last.name} is ahead of ${first.name}`,
      'leases do not mind; a clock that is then set ahead at once takes its node out for a ttl',
      'run NTP on each node',
    );
}
