// Whatever comes in, from a slip of the hand to pure noise: always a sentence and status 125, or a correct run; never a
// stack trace, a hang or a started command. Noise goes through the functions thousands of times, and samples of it
// through the real bundle. Single known slips are in test/cli, test/locks and command-line.test.ts.
// To check: a failure names its seed, and the whole input is in its message.

import { chmodSync, mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect as expectPlainly, test as plainTest } from 'vitest';
import { type OptionName, options, flagOf, variableOf } from '../../src/cli/options.ts';
import { systemClock } from '../../src/clock.ts';
import { ConfigError } from '../../src/kube-api/config/errors.ts';
import { loadKube } from '../../src/kube-api/config/load.ts';
import { leaseShape } from '../../src/locks/kube/lease.ts';
import type { Json } from '../../src/common/json.ts';
import { known, replacement, sightingOf } from '../../src/locks/kube/object.ts';
import { microTime } from '../../src/locks/record.ts';
import { MemoryLock, Rig } from '../helpers/rig.ts';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { makeCertificates } from '../helpers/certificates.ts';

const ourLines = /^((leader-run: .*|\d\d:\d\d:\d\d\.\d{3} leader-run {2}.*|\{"time":.*)\n)+$/;

const samples = 30;
const lanes = 4;
const names = Object.keys(options) as OptionName[];

/** Some of the noise for the real bundle, which takes 0.2 s for each: told by a seed that a failure names. */
async function sample<T>(
  noise: fc.Arbitrary<T>,
  count: number,
  play: (one: T, index: number) => Promise<void>,
): Promise<void> {
  const seed = Date.now() % 2 ** 31;
  const waiting = [...fc.sample(noise, { seed, numRuns: count }).entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, one] = next;
      try {
        await play(one, index);
      } catch (error) {
        throw new Error(`seed ${seed}, number ${index}: ${JSON.stringify(one)}\n${String(error)}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A sentence for each fault, or events; one of the statuses; nothing was started. */
async function expectRefused(run: Run, statuses: readonly number[], trace: string): Promise<void> {
  const { status } = await run.end();
  await run.isAbandoned();
  expectPlainly(statuses).toContain(status);
  expectPlainly(run.stderr).toMatch(ourLines);
  expectPlainly(run.stderr).not.toMatch(/internal error|^\s+at |\bundefined\b|\[object|NaN/m);
  expectPlainly(existsSync(trace)).toBe(false);
}

const bundleOf = (arena: Arena): string[] => [process.execPath, path.join(arena.bundle, 'bin/leader-run.js')];

describe('arguments and variables of noise', () => {
  // Without NUL, which no argument can hold, and never a whole command line: the lock is a name that is none.
  const text = fc.string({ unit: 'binary', maxLength: 20 }).map((noise) => noise.replaceAll('\0', ''));
  const word = fc.oneof(
    text,
    fc.constantFrom(...names.map(flagOf), '--', '-n', '-', '--help=1', '--local', '-1', '__proto__', '15s'),
    fc.tuple(fc.constantFrom(...names.map(flagOf)), text).map(([flag, value]) => `${flag}=${value}`),
  );
  const variables = fc.dictionary(fc.constantFrom(...names.map(variableOf), 'LEADER_RUN_TOKEN', 'NO_COLOR'), text, {
    maxKeys: 3,
  });

  test('are refused by the bundle with a sentence for each fault', async ({ arena }) => {
    const trace = path.join(arena.folder, 'trace');
    await sample(fc.tuple(fc.array(word, { maxLength: 6 }), variables), samples, async ([words, env]) => {
      // What noise may not do is ask for help, or name a lock: the last word of all is that this one is none.
      const given = words.filter((each) => !/^(-h|--help|--version|--lock)/.test(each) && !isCommand(each));
      const bad = { ...env, LEADER_RUN_LOCK: 'No/Such/Lock' };
      const run = arena.spawn([...bundleOf(arena), ...given, '--', 'touch', trace], { env: bad });
      await expectRefused(run, [125], trace);
    });
  });

  test('of megabytes are refused, and shown in part', async ({ arena, expect }) => {
    const huge = 'x'.repeat(120_000);
    const run = arena.spawn([
      ...bundleOf(arena),
      '--lock',
      huge,
      `--${huge}`,
      '--identity',
      huge,
      '--wait',
      huge,
      '--',
      'true',
    ]);
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    expect(run.stderr.length).toBeLessThan(2000);
  });

  test.for([
    { name: 'stdin closed', through: ['sh', '-c', 'exec "$@" <&-', 'sh'], env: {} },
    { name: 'stdout closed', through: ['sh', '-c', 'exec "$@" >&-', 'sh'], env: {} },
    { name: 'a dumb terminal, and no colours', through: [], env: { TERM: 'dumb', NO_COLOR: '1' } },
    { name: 'no environment at all', through: ['env', '-i'], env: {} },
  ])('do not matter to a run with $name', async ({ through, env }, { arena, expect }) => {
    const run = arena.run({ through, env, command: ['sh', '-c', 'exit 7'], timing: ['--lease-duration=60s'] });
    expect(await run.end()).toMatchObject({ status: 7 });
    await run.isAbandoned();
    expect(run.stderr).not.toMatch(/^\s+at |\u001b/m);
  });

  test('in a folder that is gone are refused before anything is locked', async ({ arena, expect }) => {
    const through = ['sh', '-c', 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', path.join(arena.folder, 'gone')];
    const run = arena.run({ through, timing: ['--lease-duration=60s'], command: ['true'] });
    expect(await run.end()).toMatchObject({ status: 125 });
    await run.isAbandoned();
    expect(run.stderr).toMatch(/^leader-run: the current folder has been removed.*\n$/);
    expect(arena.versions()).toEqual([]);
  });

  function isCommand(each: string): boolean {
    // The first word that is no option begins the command, which then holds all the rest.
    return !each.startsWith('-') || each === '-' || each === '--';
  }
});

describe('a kubeconfig of noise', () => {
  const canary = 'canary-5c1ab04f9e';
  let folder: string;
  let lines: readonly string[];
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'leader-run-noise-'));
    const ca = Buffer.from(makeCertificates().ca).toString('base64');
    lines = [
      'apiVersion: v1',
      'kind: Config',
      'current-context: here',
      'contexts:',
      '- name: here',
      '  context: {cluster: there, user: me, namespace: default}',
      '- {name: other, context: {cluster: there, user: nobody}}',
      'clusters:',
      '- name: there',
      '  cluster:',
      '    server: https://127.0.0.1:1',
      `    certificate-authority-data: ${ca}`,
      '    tls-server-name: localhost',
      '    proxy-url: ""',
      'users:',
      '- name: me',
      '  user:',
      '    as: someone',
      '    as-groups: [a, b]',
      `    token: ${canary}`,
    ];
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  interface Cut {
    readonly line: number;
    readonly from: number;
    readonly length: number;
    readonly put: string;
    readonly whole: 'text' | 'delete' | 'double' | 'swap' | 'end';
  }
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom(
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      ': ',
      '- ',
      '&a',
      '*a',
      '!!binary ',
      '|',
      '>',
      '#',
      '\t',
      '\n',
      '%',
      '@',
    ),
    fc.constantFrom('null', '~', 'true', '1e400', '<<: *a', '---\n', '...\n', '\ufeff', '\0', 'http://', '../'),
  );
  const cut: fc.Arbitrary<Cut> = fc.record({
    line: fc.nat(18),
    from: fc.nat(40),
    length: fc.nat(10),
    put: piece,
    whole: fc.constantFrom('text', 'text', 'text', 'delete', 'double', 'swap', 'end'),
  });
  const cuts = fc.array(cut, { minLength: 1, maxLength: 4 });

  /** `spared` lines stay as they are; the one with the token always does, so that no cut can make it a name. */
  function spoiled(all: readonly Cut[], spared: readonly number[] = []): string {
    const text = [...lines];
    for (const { line, from, length, put, whole } of all) {
      if (spared.includes(line)) continue;
      const old = text[line] ?? '';
      if (whole === 'text') text[line] = old.slice(0, from) + put + old.slice(from + length);
      if (whole === 'delete') text[line] = '';
      if (whole === 'double') text[line] = `${old}\n${old}`;
      if (whole === 'end') text[line] = `${old}${put}`;
      if (whole === 'swap' && !spared.includes(line - 1)) [text[line - 1], text[line]] = [old, text[line - 1] ?? ''];
    }
    return text.join('\n');
  }

  plainTest('gives a target, or one sentence without a secret', async () => {
    const file = path.join(folder, 'config');
    const clock = systemClock();
    const seen = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(cuts, async (all) => {
        writeFileSync(file, spoiled(all));
        const got = await loadKube({ clock, kubeconfig: file, env: {} }).catch((error: unknown) => error);
        if (got instanceof Error) {
          seen.refused += 1;
          expectPlainly(got).toBeInstanceOf(ConfigError);
          expectPlainly(got.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\bundefined\b|\[object/u);
          expectPlainly(got.message).not.toContain(canary);
          expectPlainly(got.message.length).toBeLessThan(1500);
        } else {
          seen.taken += 1;
          expectPlainly(got).toMatchObject({
            server: expectPlainly.any(URL) as URL,
            warnings: expectPlainly.any(Array) as [],
          });
        }
      }),
      { numRuns: 2000 },
    );
    // Noise that is all refused, or all taken, would test little.
    expectPlainly(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  test('is refused by the bundle, or used: then nobody is there to be asked', async ({ arena }) => {
    const trace = path.join(arena.folder, 'trace');
    // The address stays this machine's port 1, where nobody listens, and no proxy is named.
    await sample(cuts, samples, async (all, index) => {
      const file = path.join(arena.folder, `config-${index}`);
      writeFileSync(file, spoiled(all, [10, 13]));
      const words = ['--lock=default/demo', `--kubeconfig=${file}`, '--wait=300ms', '--', 'touch', trace];
      const run = arena.spawn([...bundleOf(arena), ...words]);
      await expectRefused(run, [124, 125], trace);
      expectPlainly(run.stderr).not.toContain(canary);
    });
  });
});

describe('a kubeconfig that others can read', () => {
  const configOf = (user: object): object => ({
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user }],
  });
  const secrets = [
    { name: 'a token', user: { token: 'x' }, mode: 0o644, isTold: true },
    { name: 'a password', user: { username: 'bob', password: 'x' }, mode: 0o604, isTold: true },
    { name: 'a token for its group alone, as in a volume', user: { token: 'x' }, mode: 0o640, isTold: false },
    { name: 'a token for its owner alone', user: { token: 'x' }, mode: 0o600, isTold: false },
    { name: 'the name of a token file', user: { tokenFile: 'token' }, mode: 0o644, isTold: false },
  ];
  test.for(secrets)('is told of once at the start: $name', async ({ user, mode, isTold }, { arena, expect }) => {
    const file = path.join(arena.folder, 'config');
    writeFileSync(file, JSON.stringify(configOf(user)));
    writeFileSync(path.join(arena.folder, 'token'), 'x', { mode: 0o600 });
    // Not the umask's business.
    chmodSync(file, mode);
    const words = ['--lock=default/demo', `--kubeconfig=${file}`, '--', 'true'];
    const run = arena.spawn([...bundleOf(arena), ...words]);
    await run.warns('cannot read lease default/demo at 127.0.0.1:1');
    run.signal('SIGTERM');
    expect(await run.end()).toMatchObject({ signal: 'SIGTERM' });
    await run.isAbandoned();
    const told = run.stderr.split('\n').filter((line) => line.includes('chmod 600'));
    expect(told).toHaveLength(isTold ? 1 : 0);
    if (isTold) expect(told[0]).toContain(`${file} holds credentials`);
  });

  test('whose server cannot be reached is waited for, and then told of with the lock and 124', async ({ arena, expect }) => {
    const file = path.join(arena.folder, 'config');
    writeFileSync(file, JSON.stringify(configOf({ token: 'x' })), { mode: 0o600 });
    // Long enough for a first answer on a machine that is busy.
    const run = arena.spawn([...bundleOf(arena), '--lock=default/demo', `--kubeconfig=${file}`, '--wait=3s', '--', 'true']);
    expect(await run.end()).toMatchObject({ status: 124 });
    await run.isAbandoned();
    expect(run.stderr.trim().split('\n').at(-1)).toContain('exit status 124: cannot read lease default/demo at 127.0.0.1:1');
  });
});

describe('a record of noise', () => {
  const anything = fc.jsonValue({ maxDepth: 2 });
  const field = {
    holderIdentity: fc.oneof(fc.constantFrom('', 'bob', 'alice', null), fc.string({ unit: 'binary' }), anything),
    leaseDurationSeconds: fc.oneof(fc.constantFrom(15, 0, -1, 1, 2147483647, 1e300, null, '15', 0.5), anything),
    acquireTime: fc.oneof(fc.constantFrom(microTime(0), '9999-12-31T23:59:59.999999Z', null), anything),
    renewTime: fc.oneof(fc.constantFrom(microTime(0), '9999-12-31T23:59:59.999999Z', null), anything),
    leaseTransitions: fc.oneof(fc.constantFrom(0, 2147483647, -1, -7, 0.5, 1e300, null), anything),
  };
  const spec = fc.oneof(
    fc.record(
      { ...field, strategy: fc.oneof(fc.constant('OldestEmulationVersion'), anything), preferredHolder: anything },
      { requiredKeys: [] },
    ),
    fc.record(field),
    anything,
  );
  const annotations = fc.oneof(
    fc.constant(undefined),
    fc.record({
      'leader-run/holder': fc.oneof(
        anything,
        fc.constantFrom('bob 00000000-0000-4000-8000-00000000000b.9', 'alice  .1'),
      ),
    }),
    anything,
  );
  const own = { uid: 'u-1', resourceVersion: '41', creationTimestamp: '2026-01-01T00:00:00Z' };
  const leases: fc.Arbitrary<Json> = fc.record({
    apiVersion: fc.constant('coordination.k8s.io/v1'),
    kind: fc.constant('Lease'),
    metadata: fc.oneof(
      annotations.map((its) => ({ ...own, annotations: its })),
      anything.map((its) => ({ ...own, labels: its })),
    ),
    spec,
  });
  const signature = { identity: 'alice', run: '00000000-0000-4000-8000-00000000000a', number: 1 };
  const leaseMs = 15_000;

  plainTest('is waited for as long as it says and never less than not at all, and then taken with a sound one', () => {
    const seen = { free: 0, held: 0, unreadable: 0 };
    fc.assert(
      fc.property(leases, (object) => {
        const its = known(object, leaseShape);
        if (its === undefined) throw new Error('a Lease that is one was not taken for one');
        const sighting = sightingOf(its, leaseShape, Date.parse('2026-01-01T00:01:00Z'));
        const lock = new MemoryLock();
        lock.sighting = sighting;
        const rig = new Rig(lock, { rules: { leaseDurationMs: leaseMs, foreignGraceMs: 0 } }).campaign();
        const isFree = sighting.kind === 'record' && sighting.record.holderIdentity === '';
        seen[sighting.kind === 'unreadable' ? 'unreadable' : isFree ? 'free' : 'held'] += 1;
        const stated = sighting.kind === 'record' ? sighting.record.leaseDurationSeconds * 1000 : 0;
        const waitMs = isFree ? 0 : stated > 0 ? stated : leaseMs;

        rig.run(Math.min(waitMs, 60_000) - 1);
        if (waitMs > 1) expectPlainly(rig.grant).toBeUndefined();
        if (waitMs > 60_000) return;
        rig.run(20_000);
        expectPlainly(rig.grant).toBeDefined();
        const { record } = rig;
        expectPlainly(record).toMatchObject({ holderIdentity: 'alice', leaseDurationSeconds: 15 });
        expectPlainly(record.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expectPlainly(Number.isInteger(record.leaseTransitions)).toBe(true);
        expectPlainly(record.leaseTransitions).toBeGreaterThanOrEqual(0);
        expectPlainly(record.leaseTransitions).toBeLessThan(2 ** 31);
        expectPlainly(rig.reports.map((event) => event.kind)).not.toContain('lost');
        // What is sent keeps all that is not ours.
        const sent = replacement(object, leaseShape, { record, signature });
        expectPlainly(JSON.parse(JSON.stringify(sent))).toMatchObject({
          kind: 'Lease',
          spec: { holderIdentity: 'alice' },
        });
      }),
      { numRuns: 2000 },
    );
    expectPlainly(Math.min(...Object.values(seen))).toBeGreaterThan(50);
  });
});
