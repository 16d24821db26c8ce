// What README, docs/, DESIGN.md and the examples say about the program and about each other, held against the code:
// figures, names, files. Runs nothing; test/process/examples.test.ts and test/cluster/examples.test.ts do.
// To check: every expectation is read from the code or from another document, not repeated here.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { termEnvironment } from '../src/child/environment.ts';
import { completeTiming, leashFrom } from '../src/elector/timing.ts';
import type { Event } from '../src/observe/events.ts';
import type { Reason } from '../src/job/hooks.ts';
import { attemptIn } from '../src/job/once.ts';
import { formatJobs } from '../src/job/record.ts';
import { Metrics } from '../src/observe/metrics.ts';
import { levelOf, sentence } from '../src/observe/sentences.ts';
import { blocks, commandsOf, documents, pages, read, root } from './helpers/documents.ts';
import { viewOf } from './helpers/view.ts';

const { version, files } = JSON.parse(read('package.json')) as { version: string; files: string[] };

/** These are written by scripts, which break no lines. */
const generated = ['docs/benchmarks.md', 'docs/mutants.md', 'docs/mutants-all.md'];

/** The files that a document links to, from the root, each with the heading that is meant, if one is. */
const links = (file: string): { target: string; heading: string | undefined }[] =>
  [...read(file).matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)]
    .filter(([, link = '']) => !link.startsWith('https://'))
    .map(([, link = '', heading]) => {
      return { target: link === '' ? file : path.join(path.dirname(file), link), heading };
    });
const linked = (file: string): string[] => links(file).map(({ target }) => target);

/** The headings of a document as links name them: small letters and hyphens. */
const headings = (file: string): string[] =>
  [...read(file).replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'),
  );

describe.each(documents)('%s', (file) => {
  test('links to files that exist', () => {
    expect(linked(file).filter((each) => !existsSync(path.join(root, each)))).toEqual([]);
  });

  test('links to headings that exist', () => {
    const meant = links(file).filter(({ heading }) => heading !== undefined);
    expect(meant.filter(({ target, heading = '' }) => !headings(target).includes(heading))).toEqual([]);
  });

  test('links to nothing that the package lacks', () => {
    // npm adds these by itself.
    const packed = ['README.md', 'LICENSE', 'package.json', ...files];
    expect(linked(file).filter((each) => !packed.includes(each.split('/')[0] ?? ''))).toEqual([]);
  });
});

test.each(documents.filter((file) => !generated.includes(file)))('%s keeps to 120 columns outside of tables and samples', (file) => {
  const prose = read(file).replace(/^```.*?^```$/gms, '').split('\n');
  expect(prose.filter((line) => line.length > 120 && !/^(\||>? ?!\[)/.test(line))).toEqual([]);
});

/** What README and CONTRIBUTING tell a contributor to type is run by .ci/run, and by people. */
test.each(documents)('%s names scripts and test files that there are', (file) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const lines = blocks('sh', file).flatMap(commandsOf);
  const named = lines.flatMap((line) => [...line.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  const tests = lines.flatMap((line) => [...line.matchAll(/test\/[\w/-]+\.test\.ts/g)].map(([name]) => name));
  expect(tests.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});

describe('README', () => {
  test('gives the test command that .ci/run runs', () => {
    const command = 'npm ci && npm test';
    expect(blocks('sh')).toContain(`${command}\n`);
    expect(read('.ci/run')).toContain(`(${command})`);
  });

  test('is short enough for a reader in a hurry', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(240);
  });

  test('links to each page of docs/, or to a page that does', () => {
    const reached = new Set(['README.md']);
    for (const file of reached) {
      if (file.endsWith('.md')) for (const each of linked(file)) reached.add(each);
    }
    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });

  test('installs the version that this is', () => {
    expect(blocks('sh').join('')).toContain(`./leader-run-${version}.tgz`);
  });

  test('draws the instants of the default timing', () => {
    const start = { mono: 0, boot: 0 };
    const { termBy, killBy, guardBy } = leashFrom(start, completeTiming({ leaseDurationMs: 15_000 }));
    const picture = blocks('').join('');
    const scale = [0, 2000, termBy.mono, killBy.mono, guardBy.mono, 15_000].map((ms) => `${ms / 1000} s`);
    expect(picture.split('\n')[0]?.trim().split(/ {2,}/)).toEqual(scale);
    expect(picture.split('\n').length).toBeLessThanOrEqual(20);
  });

  test('asks for the rights that the example gives', () => {
    const [rules] = blocks('yaml').map((text) => (load(text) as { rules: unknown }).rules);
    const role = loadAll(read('examples/kubernetes/rbac.yaml')).find((it) => (it as { kind: string }).kind === 'Role');
    expect(rules).toEqual((role as { rules: unknown }).rules);
  });

  test('has the line of the example crontab', () => {
    expect(read('examples/cron/leader-run.crontab')).toContain(blocks('crontab').join(''));
  });

  test('shows a picture of this version that has an end', () => {
    const picture = read('docs/hand-over.svg');
    expect(picture).toMatch(/^<svg [^]*elected, [^]*elected, [^]*<\/svg>\n$/);
  });
});

describe('docs/command.md', () => {
  test('names the variables that a command gets', () => {
    const facts = { lock: '', identity: '', token: '', transitions: 0, lockUid: '' };
    const claim = { key: 'v42', isTick: false, attempt: 1, at: '2026-11-26T10:00:00Z', by: 'a', run: 'r' };
    const note = formatJobs({ since: '2026-11-26T10:00:00Z', cursor: undefined, schedule: undefined, claim, entries: [] });
    const named = [...read('docs/command.md').matchAll(/^\| `(LEADER_RUN_\w+)` \|/gm)].map(([, name]) => name);
    const given = { ...termEnvironment(facts), ...attemptIn(note)?.environment };
    expect(named.sort()).toEqual(Object.keys(given).sort());
  });
});

describe('docs/hooks.md', () => {
  // An object, so that the compiler asks for each word.
  const reasons: Readonly<Record<Reason, true>> = {
    ...{ absent: true, released: true, expired: true, own: true, invited: true },
    ...{ deadline: true, taken: true, recreated: true, edited: true, altered: true, 'rolled-back': true },
    ...{ coordinator: true, 'step-down': true, pause: true, health: true, 'left-held': true, 'not-given': true },
    ...{ ok: true, failed: true, stopped: true, deposed: true, replaced: true, lost: true, 'max-runtime': true },
    ...{ unguarded: true, 'not-started': true },
  };
  const rows = [...read('docs/hooks.md').matchAll(/^\| (?:`--[\w-]+`)? ?\| (`[\w`, -]+`) \|/gm)];

  test('names each reason for which a hook is called', () => {
    const named = rows.flatMap(([, words = '']) => [...words.matchAll(/`([\w-]+)`/g)].map(([, word]) => word));
    expect([...new Set(named)].sort()).toEqual(Object.keys(reasons).sort());
  });
});

describe('docs/logs.md', () => {
  test('shows log lines as they are written', () => {
    const lines = blocks('json', 'docs/logs.md').join('').trim().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) {
      const { time: _, level, event: kind, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const event = { kind, ...fields } as unknown as Event;
      expect([level, message]).toEqual([levelOf(event), sentence(event)]);
    }
  });
});

describe('docs/metrics.md', () => {
  test('names the series that there are, with their types and labels', () => {
    const metrics = new Metrics({ isHealthChecked: true });
    metrics.hear({ kind: 'elected', token: '1', transitions: 0, handOverMs: 12 });
    const runs = { ok: 0, failed: 0, interrupted: 0, unknown: 0, skipped: 0 };
    const job = { lastSuccessMs: 0, lastDurationMs: 0, runs, isGivenUp: false };
    const text = metrics.text(viewOf({ job, nextMs: 0 }));
    const written = [...text.matchAll(/^# TYPE (\w+) (\w+)\n\w+\{(.*)\}/gm)].map(([, name, type, labels = '']) => {
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
      return `${name}{${names.join()}} ${type}`;
    });
    const rows = [...read('docs/metrics.md').matchAll(/^\| `(\w+\{[\w,]+\})` \| (\w+) \|/gm)];
    expect(rows.map(([, series, type]) => `${series} ${type}`).sort()).toEqual(written.sort());
  });
});

describe('DESIGN.md', () => {
  test('is no longer than 300 lines', () => {
    expect(read('DESIGN.md').split('\n').length).toBeLessThanOrEqual(300);
  });
});

describe('docs/known-cases.md', () => {
  const text = read('docs/known-cases.md');
  const cases = [...text.matchAll(/^\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$/gm)];

  test('tells of each known case what is done', () => {
    expect(cases.map(([, number]) => Number(number))).toEqual(Array.from({ length: 52 }, (_, i) => i + 1));
  });

  test('names tests that exist, by the words of their titles', () => {
    const strays = cases.flatMap(([, number = '', tested = '']) =>
      tested.split('; ').filter((reference) => !isTest(reference)).map((reference) => `${number}: ${reference}`),
    );
    expect(strays).toEqual([]);
  });
});

describe('docs/proof.md', () => {
  // The tables whose last column is named `test`: references there are `path: part of a title`, and after a semicolon
  // another one, of the same file unless it names one.
  const tables = [...read('docs/proof.md').matchAll(/^\|.*\| test \|\n\| --- .*\n((?:\|.*\n)+)/gm)];
  const cells = tables.flatMap(([, rows = '']) => rows.trim().split('\n').map((row) => row.split(' | ').at(-1) ?? ''));

  test('names tests that exist, by parts of their titles', () => {
    expect(cells.length).toBeGreaterThan(30);
    const strays = cells.flatMap((cell) => {
      let text: string | undefined;
      return cell.replace(/ \|$/, '').split('; ').filter((reference) => {
        const [, file, words = ''] = /^([\w-]+(?:\/[\w-]+)+)(?:: (.*))?$/.exec(reference) ?? [];
        if (file !== undefined) text = textOf(file);
        return text?.includes(file === undefined ? reference : words) !== true;
      });
    });
    expect(strays).toEqual([]);
  });
});

describe('the Dockerfile', () => {
  const linesOf = (file: string): string[] => read(`examples/docker/${file}`).replaceAll('\\\n', '').split('\n');
  const lines = linesOf('Dockerfile');

  test.each(['Dockerfile', 'Dockerfile.copy'])('%s copies files that exist', (file) => {
    const copies = linesOf(file).flatMap((line) => /^COPY (?!--from)(.*) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copies).toContain('src');
    expect(copies.filter((each) => !existsSync(path.join(root, each)))).toEqual([]);
  });

  test('starts an init, leader-run and a command that it has installed', () => {
    const text = lines.join('\n');
    const words = (name: string): string[] => JSON.parse(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? '[]') as string[];
    expect(words('ENTRYPOINT')).toEqual(['tini', '--', 'leader-run']);
    const [command = ''] = words('CMD').slice(words('CMD').indexOf('--') + 1);
    expect(text).toMatch(/^RUN .*apt-get install .*\btini\b/m);
    expect(text).toMatch(/^RUN ln -s \S+\/bin\/leader-run\.js \/usr\/local\/bin\/leader-run$/m);
    expect(text).toMatch(new RegExp(`^COPY \\S+/${command} /usr/local/bin/$`, 'm'));
  });
});

/** Of a test file, or of all of a folder; undefined if there is neither. */
function textOf(name: string): string | undefined {
  const [file, folder] = [path.join('test', `${name}.test.ts`), path.join(root, 'test', name)];
  if (existsSync(path.join(root, file))) return read(file);
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder).filter((each) => each.endsWith('.ts'));
  return files.map((each) => read(path.join('test', name, each))).join('\n');
}

/** `locks/kube: words of a title`, or `-` with a reason. */
function isTest(reference: string): boolean {
  const [, file, words = ''] = /^([\w-]+(?:\/[\w-]+)+)(?:: (.*))?$/.exec(reference) ?? [];
  if (file === undefined) return /^-( |$)/.test(reference);
  const test = path.join('test', `${file}.test.ts`);
  return existsSync(path.join(root, test)) && read(test).includes(words);
}
