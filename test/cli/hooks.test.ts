// The options of hooks: what a Config comes out as, and how each slip is answered.
// To check: each fault is compared as a whole list.
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import { type Facts, systemFacts } from '../../src/cli/facts.ts';

function read(words: readonly string[], facts: Partial<Facts> = {}) {
  return readConfig(['--lock', 'a/b', ...words, '--', 'x'], {}, { ...systemFacts(), hasAllBytes: true, ...facts });
}

describe('hooks', () => {
  test('are lines for sh, with one limit for each run', () => {
    const read_ = read(['--on-acquire', 'echo "$LEADER_RUN_LOCK" | mail me', '--on-failure=false', '--hook-timeout', '1m']);
    expect(read_).toMatchObject({
      config: { hooks: { lines: { onAcquire: 'echo "$LEADER_RUN_LOCK" | mail me', onFailure: 'false' }, timeoutMs: 60_000 } },
    });
  });

  test('have 10 s each, if nothing else is said', () => {
    expect(read(['--on-lose', 'true'])).toMatchObject({ config: { hooks: { lines: { onLose: 'true' }, timeoutMs: 10_000 } } });
  });

  test.each([
    { words: ['--on-success', ' '], fault: '--on-success  : expected a line for sh -c, and it is blank' },
    { words: ['--on-lose', 'exit'], fault: '--on-lose exit: did you mean --on-lost exit?' },
    { words: ['--on-lose', 'rejoin'], fault: '--on-lose rejoin: did you mean --on-lost rejoin?' },
    { words: ['--on-lose', 'true', '--hook-timeout', '0'], fault: '--hook-timeout 0: expected more than 0, as in 30m' },
    { words: ['--hook-timeout', '5s'], fault: '--hook-timeout: only with a hook: --on-acquire, --on-lose, --on-success, --on-failure' },
  ])('$words: $fault', ({ words, fault }) => {
    expect(read(words)).toEqual({ kind: 'faults', faults: [fault] });
  });

  test('that Node has changed as it read them are refused', () => {
    const fault = 'a hook is not UTF-8, and would not be run as it is: put it into a script or a file';
    expect(read(['--on-lose', 'echo \ufffd'], { hasAllBytes: false })).toEqual({ kind: 'faults', faults: [fault] });
    expect(read(['--on-lose', 'echo \ufffd'])).toMatchObject({ kind: 'run' });
  });
});
