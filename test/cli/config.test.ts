// The command line as its users meet it: what a Config comes out as, and how each slip is answered. The faults are
// those that arguments and environment can hold; files, servers and commands are tested elsewhere.
// To check: each fault is compared as a whole list, so that a slip is answered once and nothing is said beside it.
import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Config, type ConfigRead, readConfig } from '../../src/cli/config.ts';
import { type Facts, systemFacts } from '../../src/cli/facts.ts';
import { refusedLock } from '../../src/cli/place.ts';
import type { Environment } from '../../src/cli/arguments.ts';
import { fallbackOf, helpText } from '../../src/cli/help.ts';
import { flagOf, type OptionName, options, scopeOf, variableOf } from '../../src/cli/options.ts';
import type { Wait } from '../../src/cli/values.ts';

const facts: Facts = {
  hostname: 'alice',
  home: '/home/alice',
  folder: '/srv/work',
  uuid: '00000000-0000-4000-8000-000000000000',
  isTerminal: false,
  hasAllBytes: true,
};
/** Those of the default verb. */
const names = (Object.keys(options) as OptionName[]).filter((name) => ['lock', 'run', 'tick'].includes(scopeOf(name)));
const forever: Wait = { kind: 'forever' };

function read(line: string, env: Environment = {}, more: Partial<Facts> = {}): ConfigRead {
  return readConfig(line.split(' ').filter(Boolean), env, { ...facts, ...more });
}

function configOf(line: string, env: Environment = {}, more: Partial<Facts> = {}): Config {
  const got = read(line, env, more);
  if (got.kind !== 'run') throw new Error(`expected a config, got ${JSON.stringify(got)}`);
  return got.config;
}

function faultsOf(line: string, env: Environment = {}, more: Partial<Facts> = {}): readonly string[] {
  const got = read(line, env, more);
  if (got.kind !== 'faults') throw new Error(`expected faults, got ${JSON.stringify(got)}`);
  return got.faults;
}

describe('the command line', () => {
  test('needs a lock and a command, and decides the rest', () => {
    expect(configOf('--lock default/demo -- job')).toEqual({
      lock: { namespace: 'default', name: 'demo' },
      store: { kind: 'kube', lockKind: 'lease' },
      outerLock: undefined,
      identity: 'alice_00000000-0000-4000-8000-000000000000',
      timing: { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000, lostGraceMs: 3_000 },
      patience: { wait: forever, untilCertain: false },
      holdForMs: 0,
      maxRuntimeMs: undefined,
      once: undefined,
      schedule: undefined,
      newLockWaitMs: 0,
      foreignGraceMs: undefined,
      conflictStatus: 124,
      lostStatus: 122,
      stopGraceMs: 25_000,
      stopSignal: 'SIGTERM',
      signalTo: 'group',
      onLost: 'rejoin',
      guardian: 'auto',
      hooks: undefined,
      events: true,
      labelPod: undefined,
      listen: undefined,
      health: undefined,
      logLevel: 'info',
      logFormat: 'json',
      colour: true,
      command: 'job',
      args: [],
    } satisfies Config);
  });

  test('takes every option', () => {
    const line =
      '--lock demo -n jobs --lock-kind lease --kubeconfig ./config --context there --identity me --lease-duration 30s ' +
      '--renew-deadline 12s --retry-period 3s --lost-grace 4s --foreign-grace 0 --new-lock-wait 30s --wait 1m --try ' +
      '--on-lost rejoin --conflict-exit-code 0 --lost-exit-code 255 --stop-signal int --signal-to command --stop-grace 0 --hold-for 1m30s ' +
      '--max-runtime 30m ' +
      '--guardian off --no-events --label-pod role=leader --listen [::]:9090 --health-file /run/alive ' +
      '--health-command pong --health-max-age 5s --log-level debug --log-format pretty -- job a';
    expect(configOf(line)).toEqual({
      lock: { namespace: 'jobs', name: 'demo' },
      store: { kind: 'kube', lockKind: 'lease', kubeconfig: './config', context: 'there' },
      outerLock: undefined,
      identity: 'me',
      timing: { leaseDurationMs: 30_000, renewDeadlineMs: 12_000, retryPeriodMs: 3_000, lostGraceMs: 4_000 },
      patience: { wait: { kind: 'for', ms: 60_000 }, untilCertain: true },
      holdForMs: 90_000,
      maxRuntimeMs: 1_800_000,
      once: undefined,
      schedule: undefined,
      newLockWaitMs: 30_000,
      foreignGraceMs: 0,
      conflictStatus: 0,
      lostStatus: 255,
      stopGraceMs: 0,
      stopSignal: 'SIGINT',
      signalTo: 'command',
      onLost: 'rejoin',
      guardian: 'off',
      hooks: undefined,
      events: false,
      labelPod: { key: 'role', value: 'leader', pod: 'alice' },
      listen: { host: '::', port: 9090 },
      health: { file: '/run/alive', line: 'pong', maxAgeMs: 5000 },
      logLevel: 'debug',
      logFormat: 'pretty',
      colour: true,
      command: 'job',
      args: ['a'],
    } satisfies Config);
  });

  test.each([
    { name: 'the command keeps its own flags', line: '--lock a/b -- sh -c --lock', args: ['-c', '--lock'] },
    { name: 'a later -- is the command’s', line: '--lock a/b -- sh -- x', args: ['--', 'x'] },
    { name: 'without -- the first word begins the command', line: '--lock a/b sh -c x --wait 0', args: ['-c', 'x', '--wait', '0'] },
    { name: 'a -- after such a command is the command’s', line: '--lock a/b sh -- x', args: ['--', 'x'] },
    { name: 'no switch swallows the command', line: '--lock a/b --try sh x', args: ['x'] },
    { name: 'a command behind a switch has words before its own --', line: '--lock a/b --try sh -n b exec pod -- x', args: ['-n', 'b', 'exec', 'pod', '--', 'x'] },
    { name: 'a command behind a switch has such an -n before its own --', line: '--lock a/b --try sh -n 5 -- x', args: ['-n', '5', '--', 'x'] },
    { name: 'a command behind a switch has other options before its own --', line: '--lock a/b --try sh --color --wait 5s -- x', args: ['--color', '--wait', '5s', '--', 'x'] },
    { name: 'a switch of the command is the command’s', line: '--lock a/b --try -- sh --try -- x', args: ['--try', '--', 'x'] },
    { name: '--local does not swallow the command', line: '--lock a/b --local sh x', args: ['x'] },
    { name: 'help that the command is asked for is not ours', line: '--lock a/b sh --help', args: ['--help'] },
  ])('ends where the command begins: $name', ({ line, args }) => {
    const config = configOf(line);
    expect(config).toMatchObject({ command: 'sh', args, patience: { wait: forever } });
  });

  test('is not parsed by a shell', () => {
    const got = readConfig(['--lock', 'a/b', '--', 'echo', 'a  b', '$HOME', ''], {}, facts);
    expect(got).toMatchObject({ config: { command: 'echo', args: ['a  b', '$HOME', ''] } });
  });

  test('gives a config that nobody can change', () => {
    const config = configOf('--lock a/b -- job x');
    const { lock, store, timing, patience, args } = config;
    for (const part of [config, lock, store, timing, patience, patience.wait, args]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('an option', () => {
  test('has a standard that its own parser takes', () => {
    for (const name of names) {
      const row: { standard?: string | undefined; parse: (text: string) => object } = options[name];
      if (row.standard !== undefined) expect(row.parse(row.standard)).toHaveProperty('value');
    }
  });

  test('comes from its flag, else from its variable, else from the standard', () => {
    expect(configOf('--lock a/b --hold-for 1s -- x', { LEADER_RUN_HOLD_FOR: '2s' }).holdForMs).toBe(1000);
    expect(configOf('--lock a/b -- x', { LEADER_RUN_HOLD_FOR: '2s' }).holdForMs).toBe(2000);
    expect(configOf('--lock a/b -- x').holdForMs).toBe(0);
    expect(configOf('-- x', { LEADER_RUN_LOCK: 'a/b', LEADER_RUN_TRY: 'true' })).toMatchObject({
      lock: { namespace: 'a', name: 'b' },
      patience: { untilCertain: true },
    });
  });

  test.each(names)('%s may not be empty, as a flag or as a variable', (name) => {
    const lock = name === 'lock' ? '' : '--lock b';
    expect(faultsOf(`${lock} -- x`, { [variableOf(name)]: '' })).toContainEqual(
      expect.stringContaining(`${variableOf(name)} is empty`),
    );
    if (options[name].value !== '') {
      expect(faultsOf(`${lock} ${flagOf(name)}= -- x`)).toContainEqual(expect.stringContaining(`${flagOf(name)} is empty`));
    }
  });

  test('that is empty as a variable is a fault even beside its flag', () => {
    expect(faultsOf('--lock a/b -- x', { LEADER_RUN_LOCK: '' })).toEqual([
      'LEADER_RUN_LOCK is empty: give it a value or leave it out',
    ]);
  });

  test('given twice is a fault', () => {
    expect(faultsOf('--lock a/b --lock a/c -- x')).toEqual(['--lock is given 2 times: give it once']);
    expect(faultsOf('--lock a/b --try --try --try -- x')).toEqual(['--try is given 3 times: give it once']);
    expect(faultsOf('--lock b -n a --namespace a -- x')).toEqual(['--namespace is given 2 times: give it once']);
  });

  test('as a variable that we do not know is ignored, since Services inject such names', () => {
    const env = { LEADER_RUN_PORT: 'tcp://10.0.0.1:80', LEADER_RUN_SERVICE_HOST: '10.0.0.1', LEADER_RUN_HELP: '' };
    expect(configOf('--lock a/b -- x', env)).toEqual(configOf('--lock a/b -- x'));
  });

  test('as a switch can be switched off in the environment', () => {
    expect(configOf('--lock a/b -- x', { LEADER_RUN_TRY: 'false', LEADER_RUN_LOCAL: 'false' })).toMatchObject({
      patience: { untilCertain: false },
      store: { kind: 'kube' },
    });
  });
});

describe('a slip', () => {
  const missing = 'no lock: name it, as in --lock default/my-job (see --help)';
  const wholeSeconds = 'expected whole seconds such as 15s, since the record holds no parts of them';
  test.each([
    { name: 'nothing at all', line: '', faults: [missing, /^no command: put it behind --/] },
    { name: 'no lock', line: '-- x', faults: [missing] },
    { name: 'no command', line: '--lock a/b', faults: [/^no command: put it behind --, as in leader-run --lock/] },
    { name: 'no command after --', line: '--lock a/b --', faults: [/^no command/] },
    { name: 'a lock of three parts', line: '--lock a/b/c -- x', faults: ['--lock a/b/c: expected name or namespace/name'] },
    { name: 'a lock without namespace before /', line: '--lock /x -- x', faults: ['--lock /x: expected name or namespace/name'] },
    { name: 'a lock without name behind /', line: '--lock x/ -- x', faults: ['--lock x/: expected name or namespace/name'] },
    { name: 'a lock of one slash', line: '--lock / -- x', faults: ['--lock /: expected name or namespace/name'] },
    { name: 'capitals in a name', line: '--lock a/Upper -- x', faults: [/^--lock a\/Upper: the name of a lock is .*; did you mean a\/upper\?$/] },
    { name: 'an underscore in a name', line: '--lock a_b -- x', faults: [/lower-case letters, .*; did you mean a-b\?$/] },
    { name: 'a name that ends in a dash', line: '--lock a- -- x', faults: [/beginning and ending with a letter or digit$/] },
    { name: 'two dots in a row', line: '--lock a..b -- x', faults: [/^--lock a\.\.b: the name of a lock/] },
    { name: 'a dot in a namespace', line: '--lock a.b/c -- x', faults: [/^--lock a\.b\/c: a namespace is at most 63/] },
    { name: 'capitals in a namespace', line: '--lock My_Ns/c -- x', faults: [/; did you mean my-ns\/c\?$/] },
    { name: 'capitals in both parts', line: '--lock Default/My_Reports -- x', faults: [/: a namespace is .*; did you mean default\/my-reports\?$/] },
    { name: 'capitals beside what cannot be guessed', line: '--lock Default/reports! -- x', faults: [/^--lock Default\/reports!: a namespace is at most .* letter or digit$/] },
    { name: 'capitals in -n', line: '--lock c -n My_Ns -- x', faults: [/^--namespace My_Ns: .*; did you mean my-ns\?$/] },
    { name: 'two namespaces', line: '--lock a/b -n c -- x', faults: ['--lock already names the namespace a: leave out --namespace, or the part before /'] },
    { name: 'a lock of the nodes', line: '--lock kube-node-lease/node-1 -- x', faults: [/^lock kube-node-lease\/node-1 is in kube-node-lease, where nodes keep their heartbeats/] },
    { name: 'a lock of Kubernetes', line: '-n kube-system --lock kube-scheduler -- x', faults: [/^lock kube-system\/kube-scheduler belongs to Kubernetes itself/] },
    { name: 'a lock kind unheard of', line: '--lock a/b --lock-kind leases -- x', faults: ['--lock-kind leases: expected lease, endpoints, configmaps, endpointsleases or configmapsleases; did you mean lease?'] },
    { name: 'control characters in an identity', line: '--lock a/b --identity a\x1b[31mb -- x', faults: ['--identity a\\x1b[31mb: an identity must not hold control or invisible characters'] },
    { name: 'a text direction in an identity', line: '--lock a/b --identity a\u202eb -- x', faults: [/^--identity a\\u\{202e\}b: /] },
    { name: 'a time without unit', line: '--lock a/b --lease-duration 15 -- x', faults: ['--lease-duration 15: a duration needs a unit; write 15s for seconds'] },
    { name: 'no lease at all', line: '--lock a/b --lease-duration 0 -- x', faults: [`--lease-duration 0: ${wholeSeconds}`] },
    { name: 'a negative time', line: '--lock a/b --lease-duration -1 -- x', faults: ['--lease-duration -1: a duration must not be negative'] },
    { name: 'a word for a time', line: '--lock a/b --lease-duration abc -- x', faults: [/^--lease-duration abc: expected a duration such as/] },
    { name: 'a fraction of a lease second', line: '--lock a/b --lease-duration 20.5s -- x', faults: [`--lease-duration 20.5s: ${wholeSeconds}`] },
    { name: 'a fraction of a lease second without unit', line: '--lock a/b --lease-duration 20.5 -- x', faults: [`--lease-duration 20.5: ${wholeSeconds}`] },
    { name: 'a lease too short to renew', line: '--lock a/b --lease-duration 4s -- x', faults: [/: use a lease duration of at least 5s$/] },
    { name: 'a lease below a second', line: '--lock a/b --lease-duration 900ms -- x', faults: [`--lease-duration 900ms: ${wholeSeconds}`] },
    { name: 'a lease beyond 32 bits', line: '--lock a/b --lease-duration 2147483648s -- x', faults: [/^--lease-duration: .* 32 bits/] },
    { name: 'a deadline beyond the lease', line: '--lock a/b --renew-deadline 20s -- x', faults: [/^--lease-duration: .*must be more than the renew deadline \(20s\): use a lease duration of at least 23s$/] },
    { name: 'a grace beyond the lease', line: '--lock a/b --lost-grace 4s -- x', faults: [/^--lease-duration: renew deadline 10s \+ lost grace 4s .* = 16s is more than .* at least 19s$/] },
    { name: 'too few attempts', line: '--lock a/b --retry-period 9s -- x', faults: [/^--renew-deadline: .* more than 1\.2 x the retry period \(9s\)/] },
    { name: 'a folder as a word of its own', line: '--lock a/b --local /tmp/x -- echo', faults: ['unexpected /tmp/x before --: did you mean --local=/tmp/x?'] },
    { name: 'a folder before further options', line: '--local /tmp/x --lock a/b -- echo', faults: ['unexpected /tmp/x before --: did you mean --local=/tmp/x?'] },
    { name: 'a folder that is none', line: '--lock a/b --local no -- echo', faults: ['unexpected no before --: --local takes no value but behind =, and the command follows --'] },
    { name: 'a value behind a switch', line: '--lock a/b --try true -- echo', faults: ['unexpected true before --: --try takes no value, and the command follows --'] },
    { name: 'a value behind a switch, before further options', line: '--no-events true --lock a/b --wait=5s -- echo', faults: ['unexpected true before --: --no-events takes no value, and the command follows --'] },
    { name: 'values behind two switches', line: '--lock a/b --try 1 --no-events 0 -- echo', faults: [/^unexpected 1 before --: --try/, /^unexpected 0 before --: --no-events/] },
    { name: 'a value behind a switch, before a folder and a namespace', line: '--lock b --try x --local=/f -n a --hold-for 1s -- echo', faults: [/^unexpected x before --: --try/] },
    { name: 'a value behind a switch, before a short option', line: '--lock b --try true -n a -- echo', faults: [/^unexpected true before --: --try/] },
    { name: 'a value behind a switch, before a short option with its value', line: '--lock b --try x -na --hold-for 1s -- echo', faults: [/^unexpected x before --: --try/] },
    { name: 'a negative number for a command', line: '--lock a/b -1', faults: ['unknown option -1: see --help', /^no command/] },
    { name: 'a value behind a switch, without a command', line: '--lock a/b --coordinated yes --binary-version 1.4.0 --', faults: [/^unexpected yes before --: --coordinated/, /^no command/] },
    { name: 'waiting without unit', line: '--lock a/b --wait 30 -- x', faults: ['--wait 30: a duration needs a unit; write 30s for seconds; 0 looks once, forever never gives up'] },
    { name: 'waiting less than not at all', line: '--lock a/b --wait -1 -- x', faults: ['--wait -1: a duration must not be negative; 0 looks once, forever never gives up'] },
    { name: 'an exit status too large', line: '--lock a/b --conflict-exit-code 256 -- x', faults: ['--conflict-exit-code 256: expected an exit status from 0 to 255'] },
    { name: 'a negative exit status', line: '--lock a/b --lost-exit-code -1 -- x', faults: ['--lost-exit-code -1: expected an exit status from 0 to 255'] },
    { name: 'a signal unheard of', line: '--lock a/b --stop-signal SIGTREM -- x', faults: ["--stop-signal SIGTREM: expected a signal's name such as SIGTERM; did you mean SIGTERM?"] },
    { name: 'a signal by number', line: '--lock a/b --stop-signal 2 -- x', faults: [/did you mean SIGINT\?$/] },
    { name: 'a signal that ends nothing', line: '--lock a/b --stop-signal STOP -- x', faults: [/^--stop-signal STOP: a stopped process never ends/] },
    { name: 'a signal close to one that ends nothing', line: '--lock a/b --stop-signal SIGSTOPP -- x', faults: ["--stop-signal SIGSTOPP: expected a signal's name such as SIGTERM"] },
    { name: 'the number of one that ends nothing', line: `--lock a/b --stop-signal ${String(constants.signals.SIGSTOP)} -- x`, faults: [/: expected a signal's name such as SIGTERM$/] },
    { name: 'a choice misspelt', line: '--lock a/b --on-lost rejion -- x', faults: ['--on-lost rejion: expected rejoin or exit; did you mean rejoin?'] },
    { name: 'a flag misspelt', line: '--lok a/b -- x', faults: ['unknown option --lok: did you mean --lock?'] },
    { name: 'a flag misspelt with =', line: '--lock a/b --leaseduration=5s -- x', faults: ['unknown option --leaseduration: did you mean --lease-duration?'] },
    { name: 'a flag of one dash', line: '-lock a/b -- x', faults: ['unknown option -lock: did you mean --lock?'] },
    { name: 'a flag of one dash that begins like -n', line: '--lock a -namespace b', faults: ['unknown option -namespace: did you mean --namespace?'] },
    { name: 'a flag like none', line: '--lock a/b --xyzzy -- x', faults: ['unknown option --xyzzy: see --help'] },
    { name: 'a switch with a value', line: '--lock a/b --try=yes -- x', faults: ['--try takes no value'] },
    { name: 'a flag without its value at the end', line: '--lock', faults: ['--lock needs a value', /^no command/] },
    { name: 'a flag without its value before --', line: '--wait -- x', faults: ['--wait needs a value, but -- follows', missing] },
    { name: 'a flag without its value before a flag', line: '--lock --try -- x', faults: ['--lock needs a value, but --try follows'] },
    { name: 'a lock without its value before --', line: '--lock -- x', faults: ['--lock needs a value, but -- follows'] },
    { name: 'a flag without its value before the lock', line: '--wait --lock a/b -- x', faults: ['--wait needs a value, but --lock follows'] },
    { name: 'a flag in capitals', line: '--LOCK a/b -- x', faults: ['unknown option --LOCK: did you mean --lock?'] },
    { name: 'the beginning of a flag', line: '--lock a/b --lease 15s -- x', faults: ['unknown option --lease: did you mean --lease-duration?'] },
    { name: 'a typographic dash', line: '–lock a/b -- x', faults: ['unknown option –lock: no plain hyphens; did you mean --lock?'] },
    { name: 'a typographic dash behind others', line: '--lock a/b —wait=5s sh', faults: ['unknown option —wait: no plain hyphens; did you mean --wait?'] },
    { name: 'a typographic dash and a hyphen', line: '-–lock a/b -- x', faults: ['unknown option -–lock: no plain hyphens; did you mean --lock?'] },
    { name: 'a typographic -- before the command', line: '--lock a/b — sh x', faults: ['unknown option —: no plain hyphens; did you mean --?'] },
    { name: 'the word help', line: 'help', faults: [missing] },
    { name: 'a level in capitals', line: '--lock a/b --log-level INFO -- x', faults: [/error; did you mean info\?$/] },
    { name: 'a level of another name', line: '--lock a/b --log-level warning -- x', faults: [/error; did you mean warn\?$/] },
    { name: 'the beginning of a level', line: '--lock a/b --log-level deb -- x', faults: [/error; did you mean debug\?$/] },
    { name: 'a signal like none', line: '--lock a/b --stop-signal SIGFOO -- x', faults: ["--stop-signal SIGFOO: expected a signal's name such as SIGTERM"] },
    { name: 'a misspelt switch that others need', line: '--lock a/b --coordinatd --binary-version 1.4.0 -- x', faults: ['unknown option --coordinatd: did you mean --coordinated?'] },
    { name: 'a misspelt version that another needs', line: '--lock a/b --coordinated --binary-versoin 1.4.0 -- x', faults: ['unknown option --binary-versoin: did you mean --binary-version?'] },
    { name: 'a misspelt time that others follow', line: '--lock a/b --leese-duration 60s --renew-deadline 30s -- x', faults: ['unknown option --leese-duration: did you mean --lease-duration?'] },
    { name: 'a store that was not understood', line: '--lock kube-system/kube-x --local=YES --context c -- x', faults: [/^--local=YES: .*write true/] },
    { name: 'a coordinated lock without a version', line: '--lock a/b --coordinated -- x', faults: ["--coordinated needs the command's version: add --binary-version, as in --binary-version 1.4.0"] },
    { name: 'versions that nobody asks for', line: '--lock a/b --binary-version 1.4.0 --emulation-version 1.3.0 -- x', faults: ['--binary-version and --emulation-version: only with --coordinated'] },
    { name: 'a version of two numbers', line: '--lock a/b --coordinated --binary-version 1.4 -- x', faults: ['--binary-version 1.4: expected a semantic version such as 1.4.0'] },
    { name: 'a version with a leading zero', line: '--lock a/b --coordinated --binary-version 1.04.0 -- x', faults: ['--binary-version 1.04.0: expected a semantic version such as 1.4.0'] },
    { name: 'an emulation of what comes later', line: '--lock a/b --coordinated --binary-version 1.9.0 --emulation-version 1.10.0 -- x', faults: ['--emulation-version: 1.10.0 is newer than the binary version 1.9.0: nothing behaves like what comes later'] },
    { name: 'a coordinated lock and haste', line: '--lock a/b --coordinated --binary-version 1.4.0 --try -- x', faults: ['--coordinated does not go with --try: the server takes seconds to choose; use --wait 30s, say'] },
    { name: 'a coordinated lock and one look', line: '--lock a/b --coordinated --binary-version 1.4.0 --wait 0 -- x', faults: ['--coordinated does not go with --wait: the server takes seconds to choose; use --wait 30s, say'] },
    { name: 'a coordinated lock of another kind', line: '--lock a/b --coordinated --binary-version 1.4.0 --lock-kind endpoints -- x', faults: ['--coordinated goes with --lock-kind lease only, not with endpoints'] },
    { name: 'a coordinated lock without a cluster', line: '--lock b --local --coordinated --binary-version 1.4.0 -- x', faults: ['--local uses no cluster, so it does not go with --coordinated'] },
    { name: 'a candidate whose name the server takes no', line: '--lock a/b --coordinated --binary-version 1.4.0 --identity x/y -- x', faults: ['--identity: with --coordinated it has letters, digits, -, _ and . only'] },
    { name: 'a cluster without a cluster', line: '--lock b --local --kubeconfig f --context c --lock-kind lease -- x', faults: ['--local uses no cluster, so it does not go with --kubeconfig, --context, --lock-kind'] },
  ] as { name: string; line: string; faults: (string | RegExp)[] }[])('is answered: $name', ({ line, faults }) => {
    expect(faultsOf(line)).toEqual(
      faults.map((fault) => (typeof fault === 'string' ? fault : (expect.stringMatching(fault) as string))),
    );
  });

  test('in the command is answered when it is an empty word', () => {
    expect(readConfig(['--lock', 'a/b', '--', ''], {}, facts)).toEqual({
      kind: 'faults',
      faults: ['the command is empty: name a program behind --'],
    });
  });

  test('of length is answered, and the longest that fits is taken', () => {
    const longest = `${'a'.repeat(63)}.`.repeat(4).slice(0, 253);
    expect(configOf(`--lock ${longest} -- x`).lock.name).toBe(longest);
    expect(faultsOf(`--lock ${longest}aa -- x`)).toEqual([expect.stringContaining('at most 253')]);
    expect(configOf(`--lock ${'a'.repeat(63)}/b -- x`).lock.namespace).toHaveLength(63);
    expect(faultsOf(`--lock ${'a'.repeat(64)}/b -- x`)).toEqual([expect.stringContaining('at most 63')]);
    expect(configOf(`--lock a/b --identity ${'i'.repeat(253)} -- x`).identity).toHaveLength(253);
    expect(faultsOf(`--lock a/b --identity ${'i'.repeat(254)} -- x`)).toEqual([
      expect.stringMatching(/^--identity i+…?: an identity has at most 253 characters$/),
    ]);
  });

  test('is answered together with all others', () => {
    const line = '--lock a/b/c --lease-duration 15 --wait soon --stop-signal X --guardian dog --colour';
    expect(faultsOf(line, { LEADER_RUN_HOLD_FOR: '', LEADER_RUN_LOG_LEVEL: 'loud' })).toHaveLength(9);
  });

  test('in a variable names the variable', () => {
    expect(faultsOf('--lock a/b -- x', { LEADER_RUN_WAIT: 'soon', LEADER_RUN_TRY: 'yes', LEADER_RUN_LOST_GRACE: '9s' })).toEqual([
      expect.stringMatching(/^LEADER_RUN_WAIT=soon: expected a duration .*; 0 looks once, forever never gives up$/),
      'LEADER_RUN_TRY=yes: expected true or false',
      expect.stringMatching(/^--lease-duration: renew deadline 10s \+ lost grace 9s/),
    ]);
  });

  test('cannot forge a line of its own answer', () => {
    for (const fault of faultsOf('--\u001b]0;x\u0007 --wait=a\nb --lock=\u009b1m -- x')) {
      expect(fault).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});

describe('the store', () => {
  test('of one machine lies under the home of the passwd entry, or where --local= says', () => {
    expect(configOf('--lock b --local -- x', { HOME: '/elsewhere' })).toMatchObject({
      store: { kind: 'local', folder: '/home/alice/.local/state/leader-run' },
      lock: { namespace: 'default', name: 'b' },
    });
    expect(configOf('--lock a/b --local=locks -- x').store).toEqual({ kind: 'local', folder: '/srv/work/locks' });
    expect(configOf('--lock a/b --local=/var/lib/x -- x').store).toEqual({ kind: 'local', folder: '/var/lib/x' });
    expect(configOf('--lock a/b -- x', { LEADER_RUN_LOCAL: 'true' }).store).toMatchObject({ kind: 'local' });
    expect(configOf('--lock a/b --local=./true -- x').store).toEqual({ kind: 'local', folder: '/srv/work/true' });
    expect(configOf('--lock a/b -- x', { LEADER_RUN_LOCAL: '/var/lib/x' }).store).toEqual({ kind: 'local', folder: '/var/lib/x' });
    expect(configOf('--lock a/b --local=false -- x', { LEADER_RUN_LOCAL: 'true' }).store).toMatchObject({ kind: 'kube' });
    expect(configOf('--lock a/b --local=locks -- x', { LEADER_RUN_LOCAL: 'locks' }).store).toMatchObject({ folder: '/srv/work/locks' });
  });

  test.each([
    ...['TRUE', 'True', 'yes', 'Y', 'ON', 't', 'enabled', ' true'].map((text) => ({ text, meant: 'true' })),
    ...['FALSE', 'no', 'N', 'Off', 'f', 'disabled', 'none', 'false '].map((text) => ({ text, meant: 'false' })),
  ])('of one machine is not in a folder that is called yes or no by a slip: "$text"', ({ text, meant }) => {
    const fault = `expected true, false or a folder: write ${meant}, or the folder's path from / on`;
    expect(faultsOf('--lock b -- x', { LEADER_RUN_LOCAL: text, KUBECONFIG: '/k' })).toEqual([`LEADER_RUN_LOCAL=${text}: ${fault}`]);
    expect(readConfig(['--lock', 'b', `--local=${text}`, '--', 'x'], {}, facts)).toEqual({ kind: 'faults', faults: [`--local=${text}: ${fault}`] });
  });

  test('of one machine is not in a folder ~, which the shell was to replace', () => {
    for (const text of ['~', '~/locks']) {
      expect(faultsOf(`--lock b --local=${text} -- x`)).toEqual([`--local=${text}: the ~ is not expanded here: write $HOME in its place, or the path from / on`]);
    }
    expect(faultsOf('--lock b -- x', { LEADER_RUN_LOCAL: '~bob/locks' })).toEqual([
      'LEADER_RUN_LOCAL=~bob/locks: the ~ is not expanded here: write the path from / on',
    ]);
    expect(configOf('--lock b --local=./~ -- x').store).toMatchObject({ folder: '/srv/work/~' });
  });

  test('of one machine is the same in every working directory when a variable names it', () => {
    for (const text of ['locks', './locks', '../locks']) {
      expect(faultsOf('--lock b -- x', { LEADER_RUN_LOCAL: text })).toEqual([
        `LEADER_RUN_LOCAL=${text}: would be another folder in each working directory: write its path from / on, or true for the usual one`,
      ]);
    }
  });

  test('of one machine asks for a folder where it cannot tell one', () => {
    expect(faultsOf('--lock b --local -- x', {}, { home: undefined })).toEqual([
      '--local: this user has no home folder in the passwd file; name a folder, as in --local=/var/lib/leader-run',
    ]);
    expect(faultsOf('--lock b --local=x -- x', {}, { folder: undefined })).toEqual([
      '--local=x: the current folder does not exist any more; name the folder from / on',
    ]);
    expect(configOf('--lock b --local=/x -- x', {}, { folder: undefined, home: undefined }).store).toEqual({ kind: 'local', folder: '/x' });
  });

  test('of one machine has no locks that belong to Kubernetes', () => {
    expect(configOf('--lock kube-system/kube-scheduler --local -- x').lock.name).toBe('kube-scheduler');
  });

  test('in a cluster leaves an unnamed namespace to the cluster’s configuration, and checks it then', () => {
    expect(configOf('--lock kube-scheduler -- x').lock).toEqual({ namespace: undefined, name: 'kube-scheduler' });
    expect(refusedLock({ namespace: 'kube-system', name: 'kube-scheduler' }, 'kube', undefined)).toMatch(/belongs to Kubernetes/);
    expect(refusedLock({ namespace: 'kube-system', name: 'my-job' }, 'kube', undefined)).toBeUndefined();
    expect(refusedLock({ namespace: 'a', name: 'b' }, 'kube', 'a/b')).toMatch(/would wait for its own end/);
  });
});

describe('inside a term', () => {
  const term = { LEADER_RUN_TOKEN: '7', LEADER_RUN_LOCK: 'a/b', LEADER_RUN_IDENTITY: 'alice_1' };

  test('the outer lock and identity are not options', () => {
    expect(faultsOf('-- x', term)).toEqual(['no lock: name it, as in --lock default/my-job (see --help)']);
    expect(configOf('--lock a/c -- x', term)).toMatchObject({
      identity: 'alice_00000000-0000-4000-8000-000000000000',
      lock: { namespace: 'a', name: 'c' },
      outerLock: 'a/b',
    });
  });

  test('the same lock is refused', () => {
    const refusal = 'lock a/b is held by the leader-run that runs this one, which would wait for its own end: use another lock';
    expect(faultsOf('--lock a/b -- x', term)).toEqual([refusal]);
    expect(faultsOf('--lock b -n a -- x', term)).toEqual([refusal]);
    expect(faultsOf('--lock b --local -- x', { ...term, LEADER_RUN_LOCK: 'default/b' })).toHaveLength(1);
  });

  test('other options still come from the environment', () => {
    expect(configOf('--lock a/c -- x', { ...term, LEADER_RUN_WAIT: '5s' }).patience.wait).toEqual({ kind: 'for', ms: 5000 });
  });
});

describe('what is left out', () => {
  test.each([
    { name: 'POD_NAME', env: { POD_NAME: 'web-0', HOSTNAME: 'h' }, first: 'web-0' },
    { name: 'HOSTNAME', env: { POD_NAME: '', HOSTNAME: 'h' }, first: 'h' },
    { name: 'the host', env: {}, first: 'alice' },
    { name: 'a name cut to what fits', env: { POD_NAME: 'p'.repeat(300) }, first: 'p'.repeat(216) },
    { name: 'a name without its control characters', env: { POD_NAME: 'a\x1bb\nc\u202e' }, first: 'abc' },
  ])('of the identity is $name', ({ env, first }) => {
    expect(configOf('--lock a/b -- x', env).identity).toBe(`${first}_${facts.uuid}`);
  });

  test('of the timing follows from the lease duration', () => {
    expect(configOf('--lock a/b --lease-duration 30s -- x').timing).toEqual({
      leaseDurationMs: 30_000,
      renewDeadlineMs: 20_000,
      retryPeriodMs: 4_000,
      lostGraceMs: 7_250,
    });
  });

  test.each([
    { name: 'forever', line: '', patience: { wait: forever, untilCertain: false }, onLost: 'rejoin' },
    { name: '--wait forever', line: '--wait forever', patience: { wait: forever, untilCertain: false }, onLost: 'rejoin' },
    { name: '--wait 0', line: '--wait 0', patience: { wait: { kind: 'one-look' }, untilCertain: false }, onLost: 'exit' },
    { name: '--wait 30s', line: '--wait 30s', patience: { wait: { kind: 'for', ms: 30_000 }, untilCertain: false }, onLost: 'exit' },
    { name: '--try', line: '--try', patience: { wait: forever, untilCertain: true }, onLost: 'exit' },
    { name: '--try --wait 5s', line: '--try --wait 5s', patience: { wait: { kind: 'for', ms: 5000 }, untilCertain: true }, onLost: 'exit' },
    { name: '--try --on-lost rejoin', line: '--try --on-lost rejoin', patience: { wait: forever, untilCertain: true }, onLost: 'rejoin' },
    { name: '--on-lost exit', line: '--on-lost exit', patience: { wait: forever, untilCertain: false }, onLost: 'exit' },
  ])('of patience decides what a loss means: $name', ({ line, patience, onLost }) => {
    expect(configOf(`--lock a/b ${line} -- x`)).toMatchObject({ patience, onLost });
  });

  test('refuses arguments of the command that Node has changed, and none that it has not', () => {
    const line = ['--lock', 'a/b', '--', 'x', 'caf\ufffd'];
    expect(readConfig(line, {}, { ...facts, hasAllBytes: false })).toMatchObject({
      kind: 'faults', faults: ['an argument of the command is not UTF-8, and would not arrive as it is: put it into a script or a file'],
    });
    expect(readConfig(line, {}, facts).kind).toBe('run');
    expect(readConfig(['--lock', 'a/b', '--', 'x'], {}, { ...facts, hasAllBytes: false }).kind).toBe('run');
  });

  test('of the log follows from the terminal, and NO_COLOR', () => {
    expect(configOf('--lock a/b -- x', {}, { isTerminal: true }).logFormat).toBe('pretty');
    expect(configOf('--lock a/b -- x').logFormat).toBe('json');
    expect(configOf('--lock a/b -- x', { NO_COLOR: '1' }).colour).toBe(false);
    expect(configOf('--lock a/b -- x', { NO_COLOR: '' }).colour).toBe(true);
    expect(configOf('--lock a/b -- x', { NO_COLOR: '1', FORCE_COLOR: '1' }).colour).toBe(true);
  });
});

describe('help', () => {
  test('is printed on --help and -h, whatever else is wrong', () => {
    expect(read('--help')).toEqual({ kind: 'print', what: 'help' });
    expect(read('--lock A/B/C -h')).toEqual({ kind: 'print', what: 'help' });
    expect(read('--version')).toEqual({ kind: 'print', what: 'version' });
  });

  test('fits 80 columns and states the contract on its first screen', () => {
    const lines = helpText().split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const screen = lines.slice(0, 24).join('\n').replaceAll(/\s+/g, ' ');
    for (const words of ['No shell', 'Background processes die', 'When leadership is lost', '124 not acquired', 'not found']) {
      expect(screen).toContain(words);
    }
  });

  test('has every option with what applies when it is left out', () => {
    const text = helpText().replaceAll(/\s+/g, ' ');
    for (const name of names) {
      expect(text).toContain(flagOf(name));
      if (options[name].value !== '') expect(text).toContain(fallbackOf(name));
    }
  });
});

describe('whatever is given', () => {
  const word = fc.oneof(
    fc.constantFrom(...names.flatMap((name) => [flagOf(name), `${flagOf(name)}=`]), '-n', '-h', '--', '-', '', '--help=1'),
    fc.constantFrom('a/b', '15s', '0', 'forever', 'lease', 'sh', '--local=x', 'SIGTERM', '-1', '__proto__', '--constructor'),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.tuple(fc.constantFrom(...names.map(flagOf)), fc.string({ maxLength: 8 })).map(([flag, text]) => `${flag}=${text}`),
  );
  const variables = fc.dictionary(
    fc.oneof(fc.constantFrom(...names.map(variableOf), 'LEADER_RUN_TOKEN', 'POD_NAME', 'NO_COLOR'), fc.string()),
    fc.oneof(fc.constantFrom('', 'true', '15s', 'a/b', '7'), fc.string({ unit: 'binary' })),
    { maxKeys: 5 },
  );

  test('the answer is a config, a text or faults, and never an exception', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), variables, (argv, env) => {
        const got = readConfig(argv, env, facts);
        if (got.kind === 'faults') {
          expect(got.faults.length).toBeGreaterThan(0);
          for (const fault of got.faults) expect(fault).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        } else if (got.kind === 'run') {
          expect(got.config.timing.leaseDurationMs).toBeGreaterThan(got.config.timing.renewDeadlineMs);
          expect(got.config.identity).toMatch(/^.{1,253}$/u);
          expect(got.config.command).not.toBe('');
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('the facts of this process are known', () => {
    expect(systemFacts()).toMatchObject({
      hostname: expect.any(String) as string,
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
  });
});
