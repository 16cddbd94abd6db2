/*
 * Runs real processes on a real back end under a seeded schedule of faults, and judges what they did.
 *
 *   npm run faults -- [--backend redis|postgres|file] [--campaign 1|2] [--nodes 3] [--leases 2000] [--seconds 600]
 *                     [--loops 10] [--locks 20] [--seed text] [--run number] [--faults 'kill node,stop holder'] [--history file] [--quiet]
 *
 * Campaign 1 has only faults that the promises allow for, and expects no violation at all. Campaign 2 has every fault,
 * and expects that no token goes back and that no update of the fenced storage is lost, while the unfenced one loses
 * some. Without --backend or --campaign it runs both. A seed gives the same schedule again, and --run one run of it.
 * More loops, and locks for them, make it take more leases between the same faults.
 * When it is interrupted, what it has started is reaped.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type HistoryRecord, toLine } from '../checker/index.js';
import { type CampaignReport, runCampaign } from './campaign.js';
import { type Backend, BACKENDS, type Campaign, FAULT_KINDS, type FaultKind } from './faults.js';

const { values } = parseArgs({
  options: {
    backend: { type: 'string' },
    campaign: { type: 'string' },
    nodes: { type: 'string', default: '3' },
    leases: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '600' },
    'run-seconds': { type: 'string', default: '6' },
    loops: { type: 'string', default: '10' },
    locks: { type: 'string', default: '20' },
    seed: { type: 'string' },
    run: { type: 'string' },
    faults: { type: 'string' },
    history: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});

const seed = values.seed ?? randomBytes(4).toString('hex');

const kinds = values.faults?.split(',').map((text): FaultKind => {
  const kind = FAULT_KINDS.find((each) => each === text.trim());
  if (!kind) throw new Error(`there is no fault "${text.trim()}"; there are: ${FAULT_KINDS.join(', ')}`);
  return kind;
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function one(backend: Backend, campaign: Campaign): Promise<boolean> {
  const failed: HistoryRecord[] = [];
  const report = await runCampaign({
    backend,
    campaign,
    seed,
    nodes: Number(values.nodes),
    enough: ({ leases }) => leases >= Number(values.leases),
    limit: 1000 * Number(values.seconds),
    runLength: 1000 * Number(values['run-seconds']),
    loops: Number(values.loops),
    locks: Number(values.locks),
    only: values.run === undefined ? undefined : Number(values.run),
    kinds,
    onRun: (run) => {
      if (run.violations.length > 0 || values.run !== undefined) failed.push(...run.history);
      if (values.quiet && run.violations.length === 0) return;
      say(
        `  run ${run.seed}: ${run.steps.length} faults, ${run.leases} leases, ${run.violations.length} violations`,
      );
    },
  });
  return conclude(backend, campaign, report, failed);
}

async function conclude(
  backend: Backend,
  campaign: Campaign,
  { tally, refused, clocks, took }: CampaignReport,
  failed: readonly HistoryRecord[],
): Promise<boolean> {
  const number = campaign === 'inside' ? 1 : 2;
  say(
    tally.text(
      `campaign ${number} (${campaign}) on ${{ file: 'files', postgres: 'PostgreSQL', redis: `${values.nodes} nodes` }[backend]}, seed ${seed}`,
    ),
  );
  for (const [why, times] of refused) say(`  ${times} faults not done: ${why}`);
  if (!clocks) say('  no clock was moved: there is no C compiler (cc) here');
  say(`  took ${(took / 1000).toFixed(1)} s, ${Math.round(tally.leases / (took / 1000))} leases per second`);
  if (values.history !== undefined && failed.length > 0)
    await writeFile(values.history, failed.map(toLine).join(''));
  if (tally.violations > 0) {
    say(
      `  again: npm run faults -- --backend ${backend} --campaign ${number} --seed ${seed} --run <number> --history <file>`,
    );
    return false;
  }
  if (campaign === 'everything' && tally.lostByControl === 0) {
    say('  it proved nothing: the storage without fencing lost no update');
    return false;
  }
  return true;
}

const backends = BACKENDS.filter((backend) => values.backend === undefined || values.backend === backend);
if (backends.length === 0)
  throw new Error(`there is no back end "${values.backend}"; there are: ${BACKENDS.join(', ')}`);
const campaigns: readonly Campaign[] =
  values.campaign === undefined
    ? ['inside', 'everything']
    : [values.campaign === '1' ? 'inside' : 'everything'];
let fine = true;
for (const backend of backends) {
  for (const campaign of campaigns) {
    fine = (await one(backend, campaign)) && fine;
  }
}
process.exitCode = fine ? 0 : 1;
