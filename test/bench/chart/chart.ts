import type { ScenarioReport } from '../report.js';
import { dotPanel, type Panel } from './dot-panel.js';
import { linePanel } from './line-panel.js';
import { STYLE } from './style.js';
import { element, escapeText, label } from './svg.js';

const WIDTH = 800;
const TITLE = 30;
const GAP = 8;

/** The report of one scenario as a picture. */
export function chartOf(report: ScenarioReport): string {
  const panels: Panel[] = [];
  let y = TITLE;
  const add = (panel: Panel): void => {
    panels.push(panel);
    y += panel.height + GAP;
  };
  if (report.id.startsWith('growth-')) {
    add(linePanel(report, y));
  } else {
    for (const [index, measure] of report.measures.entries()) {
      if (index === 0 || measure.charted === true) add(dotPanel(report.rows, measure, y));
    }
  }
  const content = [
    element('title', {}, escapeText(report.title)),
    element('style', {}, STYLE),
    label(10, 20, report.title, { class: 'title' }),
    ...panels.map(({ markup }) => markup),
  ];
  const size = { width: WIDTH, height: y, viewBox: `0 0 ${WIDTH} ${y}` };
  return `${element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, content.join('\n'))}\n`;
}
