import { figuresOf } from './figures.ts';
import type { RowResult, Spread } from './figures.ts';

interface Bar {
  label: string;
  spread: Spread;
}

const width = 860;
const barHeight = 26;
const rowHeight = 44;
const top = 92;
const labelWidth = 150;
const panelWidth = width / 2;
const barWidth = panelWidth - labelWidth - 110;

/**
 * Draws one row: requests lost and wall time, a bar each contender, the least and the most as a thin line. It brings its own
 * ground and colours for light and dark, so that it can be read wherever it is shown.
 * @param caption what was measured, one line
 */
export function chartOf(result: RowResult, caption: string): string {
  const entries = result.entries.map(({ contender, trials }) => ({ label: nameOf(contender), figures: figuresOf(trials) }));
  const panels = [
    { title: 'requests lost', bars: entries.map(({ label, figures }) => ({ label, spread: figures.lost })), digits: 0 },
    { title: 'wall time, seconds', bars: entries.map(({ label, figures }) => ({ label, spread: figures.wall })), digits: 1 },
  ];
  const height = top + entries.length * rowHeight + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(caption)}">`,
    `<style>${style}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    `<text class="title" x="24" y="34">From Kamal 1 to Kamal 2, under load</text>`,
    `<text class="caption" x="24" y="54">${escape(caption)}</text>`,
    ...panels.map(({ title, bars, digits }, index) => panel(title, bars, digits, index * panelWidth)),
    '</svg>',
    '',
  ].join('\n');
}

const style = [
  'text{font:13px -apple-system,BlinkMacSystemFont,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}',
  '.title{font-size:16px;font-weight:600}.caption,.panel{fill:#59636e}',
  '.ground{fill:#fff;stroke:#d1d9e0}.ours{fill:#1a7f37}.theirs{fill:#cf222e}.range{stroke:#59636e;stroke-width:1.5}',
  '@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.caption,.panel{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}',
  '.ours{fill:#3fb950}.theirs{fill:#f85149}.range{stroke:#9198a1}}',
].join('');

function panel(title: string, bars: readonly Bar[], digits: number, left: number): string {
  const most = Math.max(...bars.map(({ spread }) => spread.max), 1);
  const at = (value: number): number => Math.round((value / most) * barWidth * 10) / 10;
  const start = left + labelWidth;
  const lines = bars.map(({ label, spread }, index) => {
    const y = top + index * rowHeight;
    const middle = y + barHeight / 2;
    const range = spread.max > spread.min ? `<path class="range" d="M${start + at(spread.min)} ${middle}H${start + at(spread.max)}"/>` : '';
    const value = `${spread.median.toFixed(digits)}${spread.max > spread.min ? ` (${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)})` : ''}`;
    return [
      `<text x="${start - 10}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="${label === 'real Kamal' ? 'theirs' : 'ours'}" x="${start}" y="${y}" width="${Math.max(2, at(spread.median))}" height="${barHeight}" rx="3"/>`,
      range,
      `<text x="${start + at(spread.max) + 8}" y="${middle + 4}">${value}</text>`,
    ].join('');
  });
  return [`<text class="panel" x="${start}" y="${top - 14}">${title}</text>`, ...lines].join('\n');
}

function nameOf(contender: string): string {
  return contender === 'real Kamal' ? contender : `bactrian, ${contender}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
