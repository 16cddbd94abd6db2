import { shown, spread } from '../figures-text.js';
import type { Row } from '../report.js';
import type { Measure } from '../scenario.js';
import { label as text, element } from './svg.js';
import { scaleOf } from './scale.js';

export interface Panel {
  readonly height: number;
  readonly markup: string;
}

const NAMES = { left: 10, right: 290 };
const AXIS = { left: 305, right: 650 };
const LINE = 24;
const TOP = 24;
const BOTTOM = 26;

/** One measure of all contenders: a dot for the median, a line from quartile to quartile. */
export function dotPanel(rows: readonly Row[], measure: Measure, y: number): Panel {
  const figures = rows.flatMap((row) => row.figures[measure.key] ?? []);
  const scale = scaleOf(
    figures.flatMap(({ median, q1, q3 }) => [median, q1, q3]),
    AXIS.left,
    AXIS.right,
  );
  const height = TOP + LINE * rows.length + BOTTOM;
  const bottom = y + height - BOTTOM;
  const unit = measure.unit === '' || measure.unit.startsWith('/') ? '' : `, ${measure.unit}`;
  const head = `${measure.label}${unit} – ${measure.better} is better`;
  const grid = scale.ticks.flatMap((tick) => [
    element('line', {
      x1: scale.at(tick),
      x2: scale.at(tick),
      y1: y + TOP,
      y2: bottom,
      class: 'grid',
    }),
    text(scale.at(tick), bottom + 14, tickText(tick), { class: 'small', 'text-anchor': 'middle' }),
  ]);
  const lines = rows.map((row, index) => line(row, measure, y + TOP + LINE * (index + 0.5), scale.at));
  return {
    height,
    markup: [text(NAMES.left, y + 14, head, { class: 'small' }), ...grid, ...lines].join('\n'),
  };
}

function line(row: Row, { key }: Measure, y: number, at: (value: number) => number): string {
  const name = text(NAMES.right, y + 4, row.name, { 'text-anchor': 'end' });
  const figure = row.figures[key];
  if (row.failure !== undefined || !figure) {
    const why = row.failure ?? '';
    return name + text(AXIS.left + 4, y + 4, shortened(why), { class: 'small' });
  }
  const kind = isOurs(row.name) ? 'ours' : 'other';
  return [
    name,
    element('line', {
      x1: at(figure.q1),
      x2: at(figure.q3),
      y1: y,
      y2: y,
      class: kind,
      'stroke-width': 3,
      'stroke-opacity': 0.5,
    }),
    element('circle', { cx: at(figure.median), cy: y, r: 4.5, class: kind }),
    text(AXIS.right + 12, y + 4, spread(figure), { class: 'small' }),
  ].join('');
}

export function isOurs(name: string): boolean {
  return name.startsWith('nestjs-coordination') || name.startsWith('@Synchronized');
}

export function tickText(tick: number): string {
  return Number.isInteger(tick) && tick < 10_000
    ? String(tick)
    : shown(tick)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '');
}

function shortened(text: string): string {
  return text.length > 70 ? `${text.slice(0, 69)}…` : text;
}
