// The verb doctor as main.ts runs it, with words and an environment, on a store in a folder: which options it takes,
// what it refuses as a run would, and that it makes nothing. test/cluster has it at a real server.
// To check: stdout is all that was printed, the sections included.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitStatus } from '../../../src/cli/exit-status.ts';
import { systemClock } from '../../../src/clock.ts';
import { chosen } from '../../../src/commands/verbs.ts';
import { localLock } from '../../../src/locks/local/lock.ts';
import { taken } from '../../../src/locks/record.ts';
import { startFakeApi } from '../../helpers/fake-api.ts';
import { verbContext } from '../../helpers/verb-context.ts';

let folder: string;
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'leader-run-doctor-')), 'store');
});
afterEach(() => {
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

async function ask(words: readonly string[], env: Readonly<Record<string, string>> = {}, stop?: AbortSignal) {
  let stdout = '';
  const print = (text: string): string => (stdout += text);
  const given = { PATH: process.env['PATH'] ?? '', LEADER_RUN_LOCAL: folder, LEADER_RUN_LOCK: 'ops/nightly', ...env };
  const { command, words: its } = chosen(['doctor', ...words]);
  const ending = await command.run({ ...verbContext({ env: given, print, ...(stop && { stop }) }), words: its });
  if (ending.kind === 'answered') stdout += ending.text;
  return { kind: ending.kind, stdout, status: exitStatus(ending), faults: 'faults' in ending ? ending.faults : [] };
}

describe('doctor', () => {
  test('passes on a folder that is not there, and makes none', async () => {
    const { stdout, status } = await ask(['--', 'true']);
    expect(stdout).toMatch(/^lock\n {2}ok {4}ops\/nightly does not exist: .*\nhere\n {2}ok {4}the folder /);
    expect(stdout).toMatch(/\nall 7 checks passed\n$/);
    expect([status, existsSync(folder)]).toEqual([0, false]);
  });

  test('looks up no command where none is named', async () => {
    const { stdout, status } = await ask([]);
    expect([stdout.includes('  command '), stdout.endsWith('all 6 checks passed\n'), status]).toEqual([false, true, 0]);
  });

  test('fails for a command that is not there, and goes on', async () => {
    const { stdout, status } = await ask(['--', 'no-such-command']);
    expect(stdout).toContain('  FAIL  command no-such-command was not found\n');
    expect(stdout).toMatch(/guardian [^]*1 of 7 checks failed\n$/);
    expect(status).toBe(1);
  });

  test('prints one object of JSON and nothing else', async () => {
    const { stdout, status } = await ask(['-o', 'json', '--', 'no-such-command']);
    const { lock, ok, checks } = JSON.parse(stdout) as { lock: string; ok: boolean; checks: { name: string }[] };
    expect([lock, ok, status, stdout.split('\n').length]).toEqual(['ops/nightly', false, 1, 2]);
    const ofMachine = ['folder', 'command', 'guardian', 'processes', 'environment', 'timing'];
    expect(checks.map(({ name }) => name)).toEqual(['lock', ...ofMachine]);
  });

  test('tells the holder of a local lock, and writes nothing to it', async () => {
    const lock = await localLock({ folder, namespace: 'ops', name: 'nightly', clock: systemClock() });
    const record = taken(undefined, 'pod-a', 60, Date.now());
    const signature = { identity: 'pod-a', run: '01234567-89ab-cdef-0123-456789abcdef', number: 1 };
    const written = await lock.write({ record, signature, base: undefined }, { limitMs: 1000 });
    const { stdout, status } = await ask([]);
    expect(stdout).toMatch(/^ {2}ok {4}ops\/nightly: held by pod-a since ~/m);
    expect(stdout).toMatch(/^ {2}warn {2}its holder's lease is 1 min, and yours 15 s/m);
    expect(status).toBe(0);
    const { version } = (written as { sighting: { version: unknown } }).sighting;
    expect(await lock.read({ limitMs: 1000 })).toMatchObject({ sighting: { record, version } });
    lock.close();
  });

  test('reads the variables of a run, also within the term of another', async () => {
    const env = { LEADER_RUN_TOKEN: '7', LEADER_RUN_STOP_GRACE: '45s', LEADER_RUN_GUARDIAN: 'off' };
    const { stdout, status } = await ask([], env);
    expect(stdout).toContain('ops/nightly does not exist');
    expect(stdout).toContain('stop grace 45 s');
    expect(stdout).toContain('  warn  guardian off');
    expect(status).toBe(0);
  });

  test('says what acts on leader-run in the environment', async () => {
    expect((await ask([], { NODE_OPTIONS: '--no-warnings' })).stdout).toContain('  warn  NODE_OPTIONS acts on leader-run');
  });

  test.each([
    { words: ['--retry-period', '12s'], fault: 'must be more than 1.2 x the retry period' },
    { words: ['--lease-duration', '5s', '--lost-grace', '9s'], fault: 'is more than the lease duration' },
    { words: ['--once-per-tick', '0 0 30 2 *'], fault: '--once-per-tick: 0 0 30 2 * never comes' },
    { words: ['--schedule', '0 0 30 2 *'], fault: '--schedule: 0 0 30 2 * never comes' },
    { words: ['--schedule', '* * * * *', '--jitter', '2m'], fault: '--jitter 2 min: expected less than 1 min' },
    { words: ['--pre'], fault: '--pre is about a cluster, and does not go with --local: leave it out' },
    { words: ['--no-headers'], fault: '--no-headers does not belong to this verb' },
    { words: ['--', ''], fault: 'the command is empty' },
  ])('cannot tell for $words, as a run would say', async ({ words, fault }) => {
    const { kind, faults, status } = await ask(words);
    expect([kind, faults.length, status]).toEqual(['refused', 1, 125]);
    expect(faults[0]).toContain(fault);
  });

  test('cannot tell without a lock, and says so once', async () => {
    const { command, words } = chosen(['doctor']);
    const ending = await command.run({ ...verbContext({ env: { LEADER_RUN_LOCAL: folder } }), words });
    expect(ending).toEqual({ kind: 'refused', faults: ['no lock: name it, as in --lock default/my-job (see --help)'] });
  });

  test('cannot tell where the kubeconfig cannot be read', async () => {
    const { faults, status } = await ask(['--kubeconfig', path.join(folder, 'none')], { LEADER_RUN_LOCAL: 'false' });
    expect([faults, status]).toEqual([[`cannot read the kubeconfig ${folder}/none: it does not exist`], 125]);
  });

  test('ends by the signal that asks it to, while a server lets it wait', async () => {
    const api = await startFakeApi({ protocol: 'http/1.1' });
    const stop = new AbortController();
    api.handle = () => {
      stop.abort();
    };
    try {
      const file = `${folder}.kubeconfig`;
      const [cluster, user] = [{ name: 'c', cluster: { server: api.url } }, { name: 'u', user: { token: 't' } }];
      const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
      const lists = { clusters: [cluster], users: [user], contexts: [context] };
      writeFileSync(file, JSON.stringify({ ...lists, 'current-context': 'x' }));
      const asked = ask(['--kubeconfig', file], { LEADER_RUN_LOCAL: 'false' }, stop.signal);
      expect(await asked).toMatchObject({ kind: 'stopped', status: 130 });
    } finally {
      await api.close();
    }
  });

  test('tells its own help', async () => {
    const { stdout } = await ask(['--help']);
    expect(stdout).toMatch(/^Usage: leader-run doctor \[options of the run\] \[-- <command>\]\n/);
    expect(stdout).toMatch(/--stop-grace[^]*--output[^]*--pre/);
  });
});
