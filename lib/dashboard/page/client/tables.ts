import type { JobRow, Listed, MemberRow, QueueRow } from '../../wire.js';
import { byId, chip, functionName, make, setCell, setText, showRows } from './dom.js';
import { counted, duration, grouped, timeOfDay } from './format.js';

/** Height of the bars of runs, px. */
const BAR = 20;

const OUTCOMES = { succeeded: 'ok', failed: 'failed', lost: 'lost', running: 'running' };

/** Shows `10 of 400`, and the text of an empty table. */
export function showCounts(
  id: string,
  { rows, matching, total }: Listed<unknown>,
  none: string,
  search = '',
): void {
  const shown = rows.length < matching ? `${rows.length} of ${grouped(matching)}` : '';
  setText(byId(`${id}-count`), shown + (matching < total ? `${shown && ', '}${grouped(total)} in all` : ''));
  const empty =
    total > 0 && search !== ''
      ? `None of the ${grouped(total)} has “${search}” in its name, function or replica.`
      : none;
  setText(byId(`${id}-empty`), rows.length === 0 ? empty : '');
  const table = byId(`${id}-rows`).closest('table');
  if (table) table.hidden = rows.length === 0;
}

/** The cells of a row, made once; the first one is its heading. The roles stay when a narrow page lays rows out in another way. */
export function cellsOf(row: HTMLElement | undefined, classes: readonly string[]): HTMLElement[] {
  if (row) return [...row.children] as HTMLElement[];
  return classes.map((name, index) =>
    index === 0
      ? make('th', { scope: 'row', role: 'rowheader', class: name })
      : make('td', { role: 'cell', class: name }),
  );
}

export function rowOf(row: HTMLElement | undefined, cells: readonly HTMLElement[]): HTMLElement {
  return row ?? make('tr', { role: 'row' }, ...cells);
}

export function showQueues(queues: Listed<QueueRow>): void {
  showCounts('queues', queues, 'No call waits for a lock.');
  showRows(
    byId('queues-rows'),
    queues.rows,
    ({ name }) => name,
    (row, queue) => {
      const cells = cellsOf(row, ['', 'number', 'number', '']);
      setCell(cells[0]!, make('code', {}, queue.name));
      setCell(cells[1]!, grouped(queue.waiting));
      setCell(cells[2]!, duration(queue.longestWait));
      const first = queue.waiters.map(({ agentId, function: name }) =>
        make('div', {}, agentId, ...(name ? [make('br'), make('small', {}, functionName(name))] : [])),
      );
      setCell(cells[3]!, ...first);
      return rowOf(row, cells);
    },
  );
}

export function showMembers(members: Listed<MemberRow>): void {
  showCounts('members', members, 'No replica is known.');
  showRows(
    byId('members-rows'),
    members.rows,
    ({ agentId, incarnation }) => `${agentId} ${incarnation}`,
    (row, member) => {
      const cells = cellsOf(row, ['', 'wide', 'wide', 'number wide', 'number', 'number', 'number']);
      const leads = member.leads.length > 0 ? [chip(`leads ${member.leads.join(', ')}`, 'lead')] : [];
      const narrow = leads.map((badge) => make('div', { class: 'narrow' }, badge.cloneNode(true)));
      setCell(cells[0]!, member.agentId, ...(member.here ? [' ', chip('here')] : []), ...narrow);
      setCell(cells[1]!, ...(leads.length > 0 ? leads : [dash()]));
      setCell(cells[2]!, make('span', { class: 'soft' }, member.process || '–'));
      setCell(cells[3]!, member.upFor === undefined ? dash() : duration(member.upFor));
      setCell(cells[4]!, grouped(member.held));
      setCell(cells[5]!, grouped(member.waiting));
      setCell(
        cells[6]!,
        make('span', { class: 'level', 'data-level': member.level }, `${duration(member.seenAgo)} ago`),
      );
      return rowOf(row, cells);
    },
  );
}

export function showJobs(jobs: Listed<JobRow>): void {
  showCounts('jobs', jobs, 'No job under @RunOnce has run, and this replica has none.');
  showRows(
    byId('jobs-rows'),
    jobs.rows,
    ({ name }) => name,
    (row, job) => {
      const cells = cellsOf(row, ['', 'wide', '', '', 'number']);
      setCell(cells[0]!, make('code', {}, job.name));
      setCell(cells[1]!, job.schedule === undefined ? dash() : make('code', {}, job.schedule));
      showRuns(cells[2]!, job);
      setCell(cells[3]!, ...lastOf(job));
      setCell(cells[4]!, nextOf(job));
      return rowOf(row, cells);
    },
  );
}

function showRuns(cell: HTMLElement, { runs }: JobRow): void {
  const longest = Math.max(1, ...runs.map(({ took = 0 }) => took));
  const told = runs
    .map(({ outcome, took }) => OUTCOMES[outcome] + (took === undefined ? '' : ` ${duration(took)}`))
    .join(', ');
  const title = `Oldest first: ${told}`;
  if (cell.dataset['told'] === title) return;
  cell.dataset['told'] = title;
  const bars = make('span', { class: 'runs', role: 'img', 'aria-label': title });
  for (const { outcome, took = 0, at, madeUp } of runs) {
    const bar = make('i', {
      class: outcome,
      title: `${timeOfDay(at)} ${OUTCOMES[outcome]}, ${duration(took)}${madeUp ? ', made up' : ''}`,
    });
    // The page's policy forbids the attribute `style`, and allows this property.
    bar.style.height = `${Math.round((BAR * took) / longest)}px`;
    bars.append(bar);
  }
  cell.replaceChildren(runs.length === 0 ? dash() : bars);
}

function lastOf({ last, running, failures, level, error }: JobRow): (HTMLElement | string)[] {
  if (!last) return [dash()];
  const state = make(
    'span',
    { class: 'level', 'data-level': level },
    running ? 'running' : OUTCOMES[last.outcome],
  );
  const times = running
    ? `for ${duration(last.ago)}`
    : `${duration(last.ago)} ago${last.took === undefined ? '' : `, ${duration(last.took)}`}`;
  const shown: (HTMLElement | string)[] = [state, ' ', make('small', {}, `${times}, ${last.on}`)];
  if (failures > 1)
    shown.push(
      make('div', { class: 'level', 'data-level': level }, `${counted(failures, 'failure')} in a row`),
    );
  if (error !== undefined) shown.push(make('div', {}, make('small', {}, error)));
  return shown;
}

function nextOf({ nextIn, running }: JobRow): HTMLElement | string {
  if (nextIn === undefined || running) return dash();
  return nextIn >= 0 ? duration(nextIn) : 'now';
}

export function dash(): HTMLElement {
  return make('span', { class: 'soft' }, '–');
}
