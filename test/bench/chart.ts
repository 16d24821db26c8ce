// The chart of docs/benchmarks.md: two rows of the table as bars, on a logarithmic scale, since the peers lie three
// orders of magnitude apart. Decides only how it looks; plain shapes and text that read on light and dark pages.

import type { Column, Row } from './bench.ts';
import { columnsOf, type Results } from './report.ts';
import { summarize } from './statistics.ts';

const charted: readonly { readonly begins: string; readonly title: string }[] = [
  { begins: "hand-over: the command's end", title: "Hand-over: the command's end to the next one's start" },
  { begins: 'launch on a free lock: to the exit', title: 'Launch on a free lock, to the exit' },
];

const width = 760;
const left = 120;
const right = 110;
const barHeight = 18;
const gap = 8;
const headHeight = 34;
const [fromMs, toMs] = [1, 10_000];

const style = `<style>
text { fill: #57606a } .small { font-size: 11px } .head { font-weight: 600 }
.tick { stroke: #d0d7de } .range { stroke: #57606a; stroke-width: 1.5 } .ours { fill: #2da44e } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .tick { stroke: #3d444d } .range { stroke: #d1d7e0 }
.ours { fill: #3fb950 } .peer { fill: #656c76 }
}
</style>`;

export function chartOf({ rows }: Results): string {
  let top = 8;
  const groups = charted.flatMap(({ begins, title }) => {
    const row = rows.find((each) => each.title.startsWith(begins));
    if (!row) return [];
    const drawn = group(row, title, top);
    top += drawn.height;
    return [drawn.svg];
  });
  const ticks = [1, 10, 100, 1000, 10_000].map(
    (ms) =>
      `<line x1="${x(ms)}" y1="8" x2="${x(ms)}" y2="${top}" class="tick"/><text x="${x(ms)}" y="${top + 16}" text-anchor="middle" class="small">${ms.toLocaleString('en')} ms</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + 44}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>leader-run beside its peers: hand-over and launch</title>
${style}
${ticks.join('\n')}
${groups.join('\n')}
<text x="${left}" y="${top + 36}" class="small">Bar: median. Line: to the longest. Logarithmic scale; shorter is better.</text>
</svg>
`;
}

function group(row: Row, title: string, top: number): { svg: string; height: number } {
  const present = columnsOf([row]);
  const bars = present.map((column, index) => bar(row, column, top + headHeight + index * (barHeight + gap)));
  return {
    svg: [`<text x="${left}" y="${top + 20}" class="head">${title}</text>`, ...bars].join('\n'),
    height: headHeight + present.length * (barHeight + gap) + 6,
  };
}

function bar(row: Row, column: Column, y: number): string {
  const { median, max } = summarize(row.samples[column] ?? []);
  const middle = y + barHeight / 2;
  const kind = column === 'leader-run' ? 'ours' : 'peer';
  const value = `${median >= 100 ? Math.round(median).toLocaleString('en') : median.toFixed(1)} ms`;
  return [
    `<text x="${left - 8}" y="${middle + 4}" text-anchor="end">${column}</text>`,
    `<rect x="${left}" y="${y}" width="${Math.max(1, x(median) - left)}" height="${barHeight}" class="${kind}"/>`,
    `<line x1="${x(median)}" y1="${middle}" x2="${x(max)}" y2="${middle}" class="range"/>`,
    `<text x="${x(max) + 6}" y="${middle + 4}">${value}</text>`,
  ].join('');
}

function x(ms: number): number {
  const share = Math.log(Math.max(ms, fromMs) / fromMs) / Math.log(toMs / fromMs);
  return Math.round(left + share * (width - left - right));
}
