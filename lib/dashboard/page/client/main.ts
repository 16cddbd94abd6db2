import type { EventRow, Health, Totals, View } from '../../wire.js';
import { prepareDialog } from './break-dialog.js';
import { showChart } from './chart.js';
import { byId, chip, make, setCell, setText, showRows } from './dom.js';
import { duration, grouped, inUnits, timeOfDay } from './format.js';
import { showLocks } from './locks.js';
import { Stream, type StreamState } from './stream.js';
import { showJobs, showMembers, showQueues } from './tables.js';

/** After the last key of a search, ms. */
const TYPING = 250;

const STATES: Readonly<Record<StreamState, string>> = {
  connecting: 'connecting',
  live: 'live',
  paused: 'paused',
  hidden: 'paused while hidden',
  reconnecting: 'no connection, trying again',
  refused: 'not allowed any more: reload the page',
};

const search = byId<HTMLInputElement>('search');
let view: View | undefined;

function show(next: View): void {
  view = next;
  const { health, totals } = next;
  showHealth(health);
  showTotals(totals);
  showChart(next.chart);
  showLocks(next.locks, search.value.trim());
  showQueues(next.queues);
  showJobs(next.jobs);
  showMembers(next.members);
  showEvents(next.events);
  setText(byId('seen'), `as ${next.agentId} sees it at ${timeOfDay(next.at)}`);
  setText(byId('here'), next.agentId);
}

function showHealth({ level, text, notes }: Health): void {
  byId('health').dataset['level'] = level === 'plain' ? 'well' : level;
  setText(byId('verdict'), text);
  showRows(
    byId('notes'),
    notes,
    (note) => note.text,
    (row, note) => row ?? make('li', { class: 'level', 'data-level': note.level }, note.text),
  );
}

function showTotals({ members, held, waiting, longestWait, wait95, lost }: Totals): void {
  setText(byId('replicas'), grouped(members));
  setText(byId('held'), grouped(held));
  setText(byId('waiting'), grouped(waiting));
  setText(
    byId('waiting-label'),
    `calls waiting${longestWait === undefined ? '' : `, longest ${duration(longestWait)}`}`,
  );
  const [number, unit] = wait95 === undefined ? ['–', ''] : inUnits(wait95);
  setCell(byId('wait95'), number, make('span', {}, unit === '' ? '' : ` ${unit}`));
  setText(byId('lost'), grouped(lost));
  byId('lost').className = 'level';
  byId('lost').dataset['level'] = lost > 0 ? 'watch' : 'plain';
}

function showEvents(events: readonly EventRow[]): void {
  byId('events-empty').hidden = events.length > 0;
  showRows(
    byId('events'),
    events,
    ({ id }) => String(id),
    (row, event) => {
      if (row) return row;
      const kind = chip(event.kind, 'level');
      kind.dataset['level'] = event.level;
      const what = make('span', {}, kind, ' ', make('code', {}, event.name), ` ${event.text}`);
      return make(
        'li',
        {},
        make('time', { datetime: new Date(event.at).toISOString() }, timeOfDay(event.at)),
        what,
      );
    },
  );
}

const stream = new Stream(show, (state) => setText(byId('live'), STATES[state]));

const pause = byId('pause');
pause.addEventListener('click', () => {
  stream.paused = !stream.paused;
  setText(pause, stream.paused ? 'Go on' : 'Pause');
});

let typing: number | undefined;
search.addEventListener('input', () => {
  clearTimeout(typing);
  typing = window.setTimeout(() => (stream.search = search.value.trim()), TYPING);
});
window.addEventListener('resize', () => view && showChart(view.chart));
prepareDialog();
