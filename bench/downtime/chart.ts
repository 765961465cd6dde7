import { figuresOf } from './figures.ts';
import type { RowResult, Spread } from './figures.ts';
import { peerFigureFor } from './peer.ts';

interface Bar {
  label: string;
  kind: 'ours' | 'theirs' | 'elsewhere';
  lost: Spread;
  wall: Spread;
}

const width = 860;
const barHeight = 26;
const rowHeight = 40;
const head = 66;
const sectionHead = 56;
const labelWidth = 150;
const panelWidth = width / 2;
const barWidth = panelWidth - labelWidth - 120;
/** Of the load under which the figures of peers were made. */
const webHosts = 2;

/**
 * Draws rows, one below the other: requests lost and wall time, a bar each contender, the least and the most as a thin line. It
 * brings its own ground and colours for light and dark, so that it can be read wherever it is shown. Peers that weren't part
 * of the run are hollow, and named as such.
 * @param caption how it was measured, one line
 */
export function chartOf(results: readonly RowResult[], caption: string): string {
  const sections = results.map((result) => ({ title: result.row.title, bars: barsOf(result) }));
  let y = head;
  const drawn = sections.map(({ title, bars }) => {
    const section = drawSection(title, bars, y);
    y += sectionHead + bars.length * rowHeight;
    return section;
  });
  const hollow = sections.some(({ bars }) => bars.some(({ kind }) => kind === 'elsewhere'));
  const height = y + (hollow ? 34 : 12);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(caption)}">`,
    `<style>${style}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    `<text class="title" x="24" y="34">Between Kamal 1 and Kamal 2, under load</text>`,
    `<text class="caption" x="24" y="54">${escape(caption)}</text>`,
    ...drawn,
    ...(hollow ? [`<text class="caption" x="24" y="${height - 14}">hollow: a figure, not measured in this run, under a load of new connections only</text>`] : []),
    '</svg>',
    '',
  ].join('\n');
}

const style = [
  'text{font:13px -apple-system,BlinkMacSystemFont,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}',
  '.title{font-size:16px;font-weight:600}.row{font-weight:600}.caption,.panel{fill:#59636e}',
  '.ground{fill:#fff;stroke:#d1d9e0}.ours{fill:#1a7f37}.theirs{fill:#cf222e}.elsewhere{fill:none;stroke:#cf222e;stroke-dasharray:4 3}.range{stroke:#59636e;stroke-width:1.5}',
  '@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.caption,.panel{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}',
  '.ours{fill:#3fb950}.theirs{fill:#f85149}.elsewhere{stroke:#f85149}.range{stroke:#9198a1}}',
].join('');

function barsOf({ row, entries }: RowResult): Bar[] {
  const bars = entries.map(({ contender, trials }): Bar => {
    const { lost, wall } = figuresOf(trials);
    return contender === 'real Kamal' ? { label: contender, kind: 'theirs', lost, wall } : { label: `bactrian, ${contender}`, kind: 'ours', lost, wall };
  });
  const peer = peerFigureFor(row);
  if (peer === undefined) return bars;
  const { min, median, max } = peer.lostPerWebHost;
  return [...bars, { label: peer.by, kind: 'elsewhere', wall: peer.wall, lost: { min: webHosts * min, median: webHosts * median, max: webHosts * max } }];
}

function drawSection(title: string, bars: readonly Bar[], y: number): string {
  return [
    `<text class="row" x="24" y="${y + 22}">${escape(title)}</text>`,
    panel('requests lost', bars.map((bar) => ({ ...bar, spread: bar.lost })), 0, 0, y),
    panel('wall time, seconds', bars.map((bar) => ({ ...bar, spread: bar.wall })), 1, panelWidth, y),
  ].join('\n');
}

function panel(title: string, bars: readonly (Bar & { spread: Spread })[], digits: number, left: number, y: number): string {
  const most = Math.max(...bars.map(({ spread }) => spread.max), 1);
  const at = (value: number): number => Math.round((value / most) * barWidth * 10) / 10;
  const start = left + labelWidth;
  const lines = bars.map(({ label, kind, spread }, index) => {
    const top = y + sectionHead + index * rowHeight;
    const middle = top + barHeight / 2;
    const range = spread.max > spread.min ? `<path class="range" d="M${start + at(spread.min)} ${middle}H${start + at(spread.max)}"/>` : '';
    const value = `${spread.median.toFixed(digits)}${spread.max > spread.min ? ` (${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)})` : ''}`;
    return [
      `<text x="${start - 10}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="${kind}" x="${start}" y="${top}" width="${Math.max(2, at(spread.median))}" height="${barHeight}" rx="3"/>`,
      range,
      `<text x="${start + at(spread.max) + 8}" y="${middle + 4}">${value}</text>`,
    ].join('');
  });
  return [`<text class="panel" x="${start}" y="${y + 46}">${title}</text>`, ...lines].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
