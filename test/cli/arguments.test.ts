// What was given, before anything follows from it: absent, given or faulty, and which verb takes what. The words of the
// faults and what a Config comes out as are in config.test.ts.
// To check: a fault of one option never hides what was given to another.
import { describe, expect, test } from 'vitest';
import { readArguments, sourceOf, valueOf } from '../../src/cli/arguments.ts';
import { names, scopeOf } from '../../src/cli/options.ts';

const read = (line: string, env: Record<string, string> = {}): ReturnType<typeof readArguments> =>
  readArguments(line.split(' ').filter(Boolean), env);

describe('an option', () => {
  test('is absent with its standard, given with its source, or faulty', () => {
    const { readings } = read('--wait soon --hold-for 1s', { LEADER_RUN_LOG_LEVEL: 'debug', LEADER_RUN_GUARDIAN: 'dog' });
    expect(readings.onLost).toEqual({ kind: 'absent', value: undefined });
    expect(readings.stopSignal).toEqual({ kind: 'absent', value: 'SIGTERM' });
    expect(readings.holdFor).toEqual({ kind: 'given', value: 1000, source: '--hold-for' });
    expect(readings.logLevel).toEqual({ kind: 'given', value: 'debug', source: 'LEADER_RUN_LOG_LEVEL' });
    expect(readings.wait).toEqual({ kind: 'faulty', source: '--wait' });
    expect(readings.guardian).toEqual({ kind: 'faulty', source: 'LEADER_RUN_GUARDIAN' });
  });

  test('has a value unless it is faulty, and a source unless it is absent', () => {
    const { readings } = read('--hold-for 1s --wait soon');
    expect([readings.holdFor, readings.stopSignal, readings.wait].map((each) => valueOf<unknown>(each))).toEqual([
      1000,
      'SIGTERM',
      undefined,
    ]);
    expect([readings.holdFor, readings.stopSignal, readings.wait].map(sourceOf)).toEqual([
      '--hold-for',
      undefined,
      '--wait',
    ]);
  });

  test('of a misspelt name counts as faulty, not as absent', () => {
    expect(read('--lok a/b').readings.lock).toEqual({ kind: 'faulty', source: '--lock' });
    expect(read('--lock').readings.lock).toEqual({ kind: 'faulty', source: '--lock' });
    expect(read('--lock a/b --lock a/c').readings.lock).toEqual({ kind: 'faulty', source: '--lock' });
  });

  test('that lacks its value leaves the next one its own', () => {
    const { readings, command, faults } = read('--lock --wait 5s --hold-for -- job x');
    expect(faults).toEqual(['--lock needs a value, but --wait follows', '--hold-for needs a value, but -- follows']);
    expect(readings.wait).toMatchObject({ kind: 'given', value: { kind: 'for', ms: 5000 } });
    expect(command).toEqual(['job', 'x']);
  });

  test('may be short, with its value beside or behind it', () => {
    for (const line of ['-n ops', '-nops']) {
      expect(read(line).readings.namespace).toEqual({ kind: 'given', value: 'ops', source: '--namespace' });
    }
    expect(read('-n amespace').readings.namespace).toMatchObject({ kind: 'given', value: 'amespace' });
  });

  test('of one dash is refused, also where it begins like a short one', () => {
    expect(read('-namespace=ops').faults).toEqual(['unknown option -namespace: did you mean --namespace?']);
    // -h prints the help and ends with 0, which must not befall a job by a slip.
    const hold = read('-hold-for 1m -- job');
    expect(hold.faults).toEqual(['unknown option -hold-for: did you mean --hold-for?']);
    expect(hold.print).toBeUndefined();
  });
});

describe('a verb', () => {
  test('takes the options of what it does: some to find a lock, the others to run a command', () => {
    const ofLocks = names.filter((name) => scopeOf(name) === 'lock');
    expect(ofLocks).toEqual(['lock', 'namespace', 'lockKind', 'local', 'kubeconfig', 'context']);
  });

  test('refuses those of other verbs by name, and does not mind their variables', () => {
    const words = ['--lock', 'a/b', '--wait', '5s', '--try'];
    const { readings, faults } = readArguments(words, { LEADER_RUN_HOLD_FOR: 'soon' }, { takes: ['lock'], words: 'own' });
    expect(faults).toEqual([
      '--wait does not belong to this verb: leave it out',
      '--try does not belong to this verb: leave it out',
    ]);
    expect(readings.lock).toMatchObject({ kind: 'given', value: { namespace: 'a', name: 'b' } });
    expect(readings.holdFor).toEqual({ kind: 'absent', value: 0 });
  });
});
