import type { Listed, LockRow } from '../../wire.js';
import { askToBreak } from './break-dialog.js';
import { byId, chip, functionName, make, setCell, setText, showRows } from './dom.js';
import { duration, grouped } from './format.js';
import { cellsOf, dash, rowOf, showCounts } from './tables.js';

/** As many names of holders as a cell has room for. */
const HOLDERS = 3;

const COLUMNS = ['', 'wide', 'wide', 'age', 'number', 'wide number', 'number action'];

export function showLocks(locks: Listed<LockRow>, search: string): void {
  showCounts('locks', locks, 'No lock is held.', search);
  showRows(
    byId('locks-rows'),
    locks.rows,
    ({ kind, name }) => `${kind} ${name}`,
    (row, lock) => {
      const cells = cellsOf(row, COLUMNS);
      const by = holdersOf(lock);
      const badge = lock.badge === undefined ? [] : [' ', chip(lock.badge)];
      setCell(cells[0]!, make('code', {}, lock.name), ...badge, make('small', { class: 'narrow' }, by));
      setCell(cells[1]!, by);
      setCell(cells[2]!, lock.function === undefined ? dash() : functionName(lock.function));
      showAge(cells[3]!, lock);
      setCell(cells[4]!, ...waitingIn(lock));
      setCell(
        cells[5]!,
        lock.token === undefined ? dash() : make('small', { title: String(lock.token) }, tokenOf(lock.token)),
      );
      if (!row) cells[6]!.append(breakButton(lock, cells[1]!));
      return rowOf(row, cells);
    },
  );
}

function waitingIn({ waiting, longestWait }: LockRow): HTMLElement[] {
  if (waiting === 0) return [make('span', { class: 'soft wide' }, '–')];
  const longest = longestWait === undefined ? [] : [make('small', {}, `longest ${duration(longestWait)}`)];
  return [
    make('span', {}, grouped(waiting)),
    make('span', { class: 'inline-narrow' }, ' waiting'),
    ...longest,
  ];
}

function holdersOf({ holders }: LockRow): string {
  const more = holders.length - HOLDERS;
  return holders.slice(0, HOLDERS).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The whole bar is the ttl, what is usual, or the age, whichever is longest; a stroke stands at what is usual. */
function showAge(cell: HTMLElement, { heldFor, usually, ttl, level }: LockRow): void {
  if (heldFor === undefined) return setCell(cell, dash());
  if (!cell.querySelector('.track'))
    cell.replaceChildren(
      make('span', { class: 'track' }, make('i'), make('b')),
      make('span', { class: 'level' }),
      make('small'),
    );
  const [track, age, usual] = [...cell.children] as HTMLElement[];
  const [bar, mark] = [...track!.children] as HTMLElement[];
  const whole = Math.max(heldFor, ttl, usually ?? 0);
  cell.dataset['level'] = age!.dataset['level'] = level;
  bar!.style.width = `${(100 * heldFor) / whole}%`;
  mark!.hidden = usually === undefined;
  mark!.style.left = `${Math.min(99, (100 * (usually ?? 0)) / whole)}%`;
  setText(age!, duration(heldFor));
  setText(usual!, usually === undefined ? '' : ` usually ${duration(usually)}`);
}

/** The last digits tell two tokens apart. */
function tokenOf(token: number): string {
  const digits = String(token);
  return digits.length > 7 ? `…${grouped(Number(digits.slice(-6)) + 1e6).slice(2)}` : grouped(token);
}

function breakButton({ name, kind }: LockRow, by: HTMLElement): HTMLElement {
  const button = make('button', { type: 'button', 'aria-label': `Break the lock ${name}…` }, 'Break…');
  // Another replica may hold it by then.
  button.addEventListener('click', () => askToBreak({ name, kind }, by.textContent ?? ''));
  return button;
}
