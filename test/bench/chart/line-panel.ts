import type { ScenarioReport } from '../report.js';
import { isOurs, type Panel, tickText } from './dot-panel.js';
import { scaleOf } from './scale.js';
import { element, label as text } from './svg.js';

const AXIS = { left: 70, right: 480 };
const LEGEND = { left: 500, line: 20 };
const TOP = 24;
const PLOT = 200;
const BOTTOM = 26;

/** How a figure grows: the measures stand side by side, at equal distances, with a line for each contender. */
export function linePanel({ measures, rows }: ScenarioReport, y: number): Panel {
  const medians = rows.flatMap(({ figures }) => Object.values(figures).map(({ median }) => median));
  const bottom = y + TOP + PLOT;
  const scale = scaleOf(medians, bottom, y + TOP);
  const step = (AXIS.right - AXIS.left) / Math.max(1, measures.length - 1);
  const at = (index: number): number => AXIS.left + step * index;
  const unit = measures[0]?.unit ?? '';
  const grid = scale.ticks.flatMap((tick) => [
    element('line', {
      x1: AXIS.left,
      x2: AXIS.right,
      y1: scale.at(tick),
      y2: scale.at(tick),
      class: 'grid',
    }),
    text(AXIS.left - 8, scale.at(tick) + 4, tickText(tick), { class: 'small', 'text-anchor': 'end' }),
  ]);
  const labels = measures.map(({ label }, index) =>
    text(at(index), bottom + 16, label, { class: 'small', 'text-anchor': 'middle' }),
  );
  const lines = rows.map(({ name, figures, failure }, row) => {
    const kind = `s${row}`;
    const points = measures.flatMap(({ key }, index) => {
      const figure = figures[key];
      return figure ? [[at(index), scale.at(figure.median)] as const] : [];
    });
    const line = points.map((point) => point.map((part) => part.toFixed(1)).join(',')).join(' ');
    const legendY = y + TOP + 10 + LEGEND.line * row;
    const weight = isOurs(name) ? 600 : 400;
    return [
      element('polyline', { points: line, class: `line ${kind}` }),
      ...points.map(([cx, cy]) => element('circle', { cx, cy, r: 3.5, class: kind })),
      element('circle', { cx: LEGEND.left, cy: legendY - 4, r: 4.5, class: kind }),
      text(LEGEND.left + 10, legendY, failure === undefined ? name : `${name}: ${failure}`, {
        'font-weight': weight,
      }),
    ].join('');
  });
  const head = text(10, y + 14, `${unit} – lower is better`, { class: 'small' });
  return { height: TOP + PLOT + BOTTOM, markup: [head, ...grid, ...labels, ...lines].join('\n') };
}
