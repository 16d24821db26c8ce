// Rows -> a table for the terminal and a page for docs/. Decides how figures are written, what they are divided by, and
// which target each is held against; the targets are those of the issue that asked for this bench.
// To check: a target whose row was not measured is left out, never counted as reached.

import { cpus, getPriority, release, totalmem } from 'node:os';
import type { Column, Row } from './bench.ts';
import { processCount } from './processes.ts';
import { median, summarize, type Summary } from './statistics.ts';

export interface Results {
  readonly rows: readonly Row[];
  readonly remarks: readonly string[];
  /** The machine's load average as each part began. */
  readonly loads: readonly number[];
  readonly date: Date;
  readonly quick: boolean;
}

const allColumns: readonly Column[] = ['leader-run', 'before', 'scheduled', 'client-go', 'etcdctl lock', 'flock', 'bare node'];

/** All that were there to be measured. */
export function columnsOf(rows: readonly Row[]): readonly Column[] {
  return allColumns.filter((column) => rows.some(({ samples }) => samples[column] !== undefined));
}

interface Target {
  readonly what: string;
  readonly goal: number;
  readonly least: number;
  readonly unit: string;
  readonly value: (rows: readonly Row[]) => number | undefined;
}

const handOver = "hand-over: the command's end to the next one's start";

const targets: readonly Target[] = [
  {
    what: "hand-over / etcdctl lock's",
    goal: 2,
    least: 3,
    unit: 'x',
    value: (rows) => ratio(rows, handOver, 'etcdctl lock'),
  },
  {
    what: "client-go's hand-over / ours (at least)",
    goal: 150,
    least: 100,
    unit: 'x',
    value: (rows) => inverse(ratio(rows, handOver, 'client-go')),
  },
  { what: 'longest hand-over', goal: 80, least: 80, unit: 'ms', value: (rows) => longest(rows, handOver) },
  {
    what: "start after a kill, past the Lease's end",
    goal: 20,
    least: 30,
    unit: 'ms',
    value: (rows) => ours(rows, 'holder killed'),
  },
  {
    what: 'launch to exit / bare node',
    goal: 2.5,
    least: 3,
    unit: 'x',
    value: (rows) => ratio(rows, 'launch on a free lock: to the exit', 'bare node'),
  },
  ...[20, 24].map((line) => ({
    what: `CPU of a launch to exit on Node ${line} / bare node`,
    goal: 4,
    least: 4,
    unit: 'x',
    value: (rows: readonly Row[]) => ratio(rows, `launch on a free lock, Node ${line}: CPU`, 'bare node'),
  })),
  {
    what: 'RSS of a standby / bare node',
    goal: 1.25,
    least: 1.35,
    unit: 'x',
    value: (rows) => ratio(rows, 'standby: RSS', 'bare node'),
  },
  { what: 'PSS of the guardian', goal: 1, least: 1, unit: 'MB', value: (rows) => ours(rows, 'guardian: PSS') },
  { what: 'CPU of a standby', goal: 30, least: 30, unit: 'ms/min', value: (rows) => ours(rows, 'standby: CPU') },
  {
    what: 'requests of a standby',
    goal: 0.5,
    least: 0.5,
    unit: '/min',
    value: (rows) => ours(rows, 'standby: requests'),
  },
  {
    what: 'requests of a leader that renews every 2 s',
    goal: 30.5,
    least: 30.5,
    unit: '/min',
    value: (rows) => ours(rows, 'leader: requests'),
  },
  {
    what: 'growth of a standby in an hour (--minutes 60)',
    goal: 1,
    least: 1,
    unit: 'MB',
    value: (rows) => ours(rows, 'standby: RSS growth in 60 '),
  },
  {
    what: 'growth of a leader in an hour (--minutes 60)',
    goal: 1,
    least: 1,
    unit: 'MB',
    value: (rows) => ours(rows, 'leader: RSS growth in 60 '),
  },
  {
    what: 'RSS of a standby with --listen, beyond one without',
    goal: 4,
    least: 4,
    unit: 'MB',
    value: (rows) => difference(ours(rows, 'standby with --listen: RSS'), ours(rows, 'standby beside it without: RSS')),
  },
  {
    what: '99th percentile of a scrape, 100 a second',
    goal: 5,
    least: 5,
    unit: 'ms',
    value: (rows) => summaryOf(rows, 'a scrape of /metrics')?.p99,
  },
  {
    what: 'attempts in a later hand-over among 1000',
    goal: 100,
    least: 100,
    unit: '',
    value: (rows) => longest(rows, 'hand-over among 1000 candidates: write attempts'),
  },
  {
    what: 'hand-over among 1000 / among 2',
    goal: 3,
    least: 3,
    unit: 'x',
    value: (rows) =>
      quotient(ours(rows, 'hand-over among 1000 candidates: time'), ours(rows, 'hand-over among 2 candidates: time')),
  },
];

function find(rows: readonly Row[], beginning: string): Row | undefined {
  return rows.find(({ title }) => title.startsWith(beginning));
}

function medianOf(row: Row | undefined, column: Column): number | undefined {
  const samples = row?.samples[column];
  return samples && median(samples);
}

function ours(rows: readonly Row[], beginning: string): number | undefined {
  return medianOf(find(rows, beginning), 'leader-run');
}

function summaryOf(rows: readonly Row[], beginning: string): Summary | undefined {
  const samples = find(rows, beginning)?.samples['leader-run'];
  return samples && summarize(samples);
}

function longest(rows: readonly Row[], beginning: string): number | undefined {
  return summaryOf(rows, beginning)?.max;
}

function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

function ratio(rows: readonly Row[], beginning: string, to: Column): number | undefined {
  return quotient(ours(rows, beginning), medianOf(find(rows, beginning), to));
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

function inverse(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 1 / value;
}

function figure(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Median, 90th percentile and longest; or the one value. */
function cell(row: Row, column: Column): string {
  const samples = row.samples[column];
  if (samples === undefined) return '-';
  const { n, median: middle, p90, max } = summarize(samples);
  return n === 1 ? figure(middle) : `${figure(middle)} / ${figure(p90)} / ${figure(max)}`;
}

/** Our median over a peer's; below 1 we are ahead. */
function ratios(row: Row): string {
  return allColumns
    .filter((column) => column !== 'leader-run')
    .flatMap((column) => {
      const value = quotient(medianOf(row, 'leader-run'), medianOf(row, column));
      return value === undefined || !Number.isFinite(value) || value <= 0 ? [] : [`${asRatio(value)} ${column}`];
    })
    .join(', ');
}

function asRatio(value: number): string {
  return value < 0.1 ? `1/${figure(Math.round(1 / value))}` : `${value.toFixed(2)}x`;
}

function cells({ rows }: Results): string[][] {
  const columns = columnsOf(rows);
  const head = ['', 'n', ...columns, 'leader-run is'];
  const lines = rows.map((row) => {
    const n = row.samples['leader-run']?.length ?? 0;
    return [
      `${row.title}${row.unit === '' ? '' : ` (${row.unit})`}`,
      `${n}`,
      ...columns.map((column) => cell(row, column)),
      ratios(row),
    ];
  });
  return [head, ...lines];
}

function targetCells({ rows }: Results): string[][] {
  const lines = targets.flatMap(({ what, goal, least, unit, value }) => {
    const reached = value(rows);
    if (reached === undefined) return [];
    const atLeast = what.endsWith('(at least)');
    const meets = (bound: number): boolean => (atLeast ? reached >= bound : reached <= bound);
    const verdict = meets(goal) ? 'reached' : meets(least) ? 'least reached' : 'missed';
    const bounds = goal === least ? figure(goal) : `${figure(goal)} (${figure(least)})`;
    return [[what, `${bounds} ${unit}`.trim(), `${figure(reached)} ${unit}`.trim(), verdict]];
  });
  return [['target', 'goal (least)', 'here', ''], ...lines];
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function markdown(lines: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = lines;
  const line = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n');
}

function machine({ date, loads }: Results): string {
  const [cpu] = cpus();
  const load = loads.length === 0 ? 'unknown' : `${Math.min(...loads).toFixed(2)} to ${Math.max(...loads).toFixed(2)}`;
  // On a machine that others use too, `nice -n -20` helps against them: not hiding it.
  const nice = getPriority() === 0 ? '' : `, all of this at niceness ${getPriority()}`;
  return (
    `${date.toISOString().slice(0, 10)}; ${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ` +
    `Node ${process.version}; ${processCount()} processes; load average before each part ${load}${nice}; etcd without fsync (--unsafe-no-fsync), ` +
    'all on one machine over loopback; NODE_EXTRA_CA_CERTS unset'
  );
}

/** One line for all rows that are counted alike. */
function notesOf({ rows }: Results): string[] {
  const titles = new Map<string, string[]>();
  for (const { title, note } of rows) if (note !== undefined) titles.set(note, [...(titles.get(note) ?? []), title]);
  return [...titles].map(([note, those]) => `${those.join('; ')}: ${note}`);
}

const busy =
  'The machine was busy with other work from the start. That lengthens everything, and most what needs most CPU: ' +
  'only a run on an idle machine shows the ratios.';

/** Later loads are the bench's own doing. */
function isBusy({ loads }: Results): boolean {
  return (loads[0] ?? 0) >= 1.5;
}

export function tableOf(results: Results): string {
  return [
    machine(results),
    'median / 90th percentile / longest, or the one value',
    aligned(cells(results)),
    ...notesOf(results).map((note) => `${note}.`),
    ...(isBusy(results) ? [busy] : []),
    ...results.remarks,
    aligned(targetCells(results)),
  ].join('\n\n');
}

export function pageOf(results: Results): string {
  return `<!-- Written by \`npm run bench -- --write\`; changes made here are lost. -->
# Benchmarks

\`npm run bench\` measures leader-run beside the peers that one would use in its place, all in one run, the contenders
taking turns. It needs Go, with which it builds kube-apiserver, etcd and the peers once. What the figures mean for many
candidates and many locks is in [scale.md](scale.md).

![Hand-over and launch, leader-run beside its peers](benchmarks.svg)

${results.quick ? '**A quick run, which shows only that the bench works: its figures mean nothing.**\n\n' : ''}${machine(results)}.${isBusy(results) ? `\n\n**${busy}**` : ''}

Each cell: median / 90th percentile / longest, or the one value. The last column divides our median by the peer's.

${markdown(cells(results))}

Contenders: \`client-go\` is the elector of k8s.io/client-go 0.35 in a Go program that runs a command, with
ReleaseOnCancel; \`etcdctl lock\` speaks to the same etcd without an API server in between; \`flock\` is util-linux's, on
one machine. Timing is 15/10/2 s (lease duration, renew deadline, retry period) unless a row says otherwise. All run the
same small command, which stamps its own start and end. etcd does not sync to disk here: with real disks two syncs are
added to each hand-over of leader-run, client-go and etcdctl.

${notesOf(results)
  .map((note) => `- ${note}.`)
  .join('\n')}

${results.remarks.map((remark) => `- ${remark}.`).join('\n')}

## Targets

${markdown(targetCells(results))}

## Where the time goes

Of a start and of memory, [launch.md](launch.md) has the whole account. The rest from stamps in both processes (Node
20.20, 2026-11-25, nothing else on the machine, medians of 20), in milliseconds of an hour when the machine was quicker
than in most (all contenders differ by a quarter from hour to hour):

- **Hand-over**, 16.7 in all: the command's end to Node's \`exit\` event 0.9; a look for what it left behind 0.9;
  release decided and written 1.3; server and watch 4.0; event read, decided, taking PUT written 1.3; server's answer
  3.5; answer read 0.6; guardian armed 1.0; gate opened 0.2; the shell becomes the command and that stamps its start 2.6
  (1.6 when nobody else wants a core). The two PUTs are the server's, 7.5, and the floor of any Lease: that is more than
  all of \`etcdctl lock\`'s hand-over, which needs no API server. What remains is 9, and it is longer here than on two
  machines, since the old holder tells its Event and exits meanwhile on the same two cores.
- **Start after a kill**, reckoned: renewal to the watcher 5, chance 2.5 (0 to 5, so that a crowd does not race), timer
  1, PUT 3.5, start 5; what else there is, is other candidates' work on the same cores.
- **Memory over time** (\`--only standing --minutes 60\`, 2026-11-25; the command of that run ended after 30 minutes, so
  the standby led from then on): a leader 60 MB, then 63.6, 65.6, 66.6, 68.0, 69.5 each 5 minutes; a standby 50 MB, then
  53.6 to 59.2, and as leader 62.4, 65.1, 66.3, 66.2, 68.3, 68.1. A Node that does nothing grew from 37.9 to 43.7 in
  that hour. The goal (1 MB) is missed, and nothing leaks: at ten renewals a second a leader levels out at 75 MB, with a
  live heap of 7 to 9 MB. V8 makes no full collection before its heap has grown by some 10 MB, and each HTTP/2 request
  leaves some KB that only such a one frees; one forced every 10 s keeps the heap flat and still leaves 67 MB resident.
`;
}
