import type { Chart, ChartPoint } from '../../wire.js';
import { byId, makeSvg } from './dom.js';
import { counted, duration, timeOfDay } from './format.js';

const WIDTHS = { wide: 820, narrow: 400 };
const [LEFT, RIGHT, TOP] = [44, 8, 10];
/** The heights of the two panels, with the space between them and below. */
const [COUNTS, GAP, WAITS, BOTTOM] = [140, 22, 54, 22];
const HEIGHT = TOP + COUNTS + GAP + WAITS + BOTTOM;

let shown = '';

/** Draws it, when there is anything new to draw. */
export function showChart(chart: Chart): void {
  const width = byId('chart').clientWidth > 560 ? WIDTHS.wide : WIDTHS.narrow;
  const key = JSON.stringify([width, chart]);
  if (key === shown) return;
  shown = key;
  byId('chart').replaceChildren(draw(chart, width));
}

function draw({ points, step }: Chart, width: number): SVGElement {
  const x = (index: number): number =>
    LEFT + (index * (width - LEFT - RIGHT)) / Math.max(1, points.length - 1);
  const most = niceCeiling(
    Math.max(4, ...points.map(({ held = 0, waiting = 0 }) => Math.max(held, waiting))),
  );
  const longest = niceCeiling(Math.max(10, ...points.map(({ wait95 = 0 }) => wait95)));
  const counts = (value: number): number => TOP + COUNTS - (value * COUNTS) / most;
  const floor = TOP + COUNTS + GAP + WAITS;
  const waits = (value: number): number => floor - (value * WAITS) / longest;
  const svg = makeSvg('svg', {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: 'img',
    'aria-label': summary(points),
  });
  for (const value of [0, most / 2, most]) svg.append(...gridLine(counts(value), String(value), width));
  for (const value of [0, longest]) svg.append(...gridLine(waits(value), duration(value), width));
  for (const run of runsOf(points, ({ held }) => held)) {
    const top = run.map(([index, value]) => `${x(index)},${counts(value)}`);
    svg.append(
      makeSvg('polygon', {
        class: 'area',
        points: [`${x(run[0]![0])},${counts(0)}`, ...top, `${x(run.at(-1)![0])},${counts(0)}`].join(' '),
      }),
    );
  }
  for (const run of runsOf(points, ({ waiting }) => waiting)) {
    const line = run.map(([index, value]) => `${x(index)},${counts(value)}`);
    // A line of one point would not be seen.
    if (run.length === 1) line.push(line[0]!);
    svg.append(makeSvg('polyline', { class: 'waiting', points: line.join(' ') }));
  }
  const barWidth = Math.max(1, (width - LEFT - RIGHT) / points.length - 1.5);
  for (const [index, { wait95, lost }] of points.entries()) {
    if (wait95 !== undefined) {
      const y = Math.min(waits(wait95), floor - 1);
      svg.append(
        makeSvg('rect', {
          class: 'bar',
          x: x(index) - barWidth / 2,
          y,
          width: barWidth,
          height: floor - y,
          rx: 1,
        }),
      );
    }
    if (lost > 0) svg.append(makeSvg('circle', { class: 'lost', cx: x(index), cy: counts(0), r: 5 }));
  }
  if (points.every(({ held }) => held === undefined))
    svg.append(
      makeSvg(
        'text',
        { x: (width + LEFT) / 2, y: TOP + COUNTS / 2, 'text-anchor': 'middle' },
        'recorded only while this page is open',
      ),
    );
  const minutes = Math.round(((points.length - 1) * step) / 60_000);
  for (const part of [0, 1 / 3, 2 / 3, 1]) {
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    const ago = Math.round(minutes * (1 - part));
    const label = ago === 0 ? 'now' : `${ago} min ago`;
    svg.append(
      makeSvg(
        'text',
        { x: LEFT + part * (width - LEFT - RIGHT), y: HEIGHT - 5, 'text-anchor': anchor },
        label,
      ),
    );
  }
  return svg;
}

function gridLine(y: number, label: string, width: number): SVGElement[] {
  return [
    makeSvg('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
    makeSvg('text', { x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, label),
  ];
}

/** The runs of neighbours that have a value: a point of a time without a viewer has none. */
function runsOf(
  points: readonly ChartPoint[],
  valueOf: (point: ChartPoint) => number | undefined,
): [number, number][][] {
  const runs: [number, number][][] = [];
  for (const [index, point] of points.entries()) {
    const value = valueOf(point);
    if (value === undefined) continue;
    const last = runs.at(-1);
    if (last?.at(-1)?.[0] === index - 1) last.push([index, value]);
    else runs.push([[index, value]]);
  }
  return runs;
}

/** A number that can be read off half-way, too. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 3, 4, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function summary(points: readonly ChartPoint[]): string {
  const busiest = points.reduce<ChartPoint | undefined>(
    (most, point) => ((point.waiting ?? 0) > (most?.waiting ?? 0) ? point : most),
    undefined,
  );
  const waiting = busiest
    ? `at most ${counted(busiest.waiting ?? 0, 'call')} waiting, at ${timeOfDay(busiest.at)}`
    : 'no call waiting';
  const longest = Math.max(0, ...points.map(({ wait95 = 0 }) => wait95));
  const lost = points.reduce((sum, point) => sum + point.lost, 0);
  return `Locks held and calls waiting over the last 15 minutes: ${waiting}; the 95th percentile of waits here was at most ${duration(longest)}; ${counted(lost, 'lease')} lost`;
}
