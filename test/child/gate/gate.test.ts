// What passes through the gate's shell by itself, what is handed over by env, and when Node stands there.
// test/process has the gates themselves.

import { describe, expect, test } from 'vitest';
import { planGate } from '../../../src/child/gate/gate.ts';

describe('the plan of a gate', () => {
  test('gives the shell plain names, and env the others', () => {
    const plan = planGate('cmd', ['a', 'b'], { PLAIN: '1', 'a.b': '2', BASH_ENV: '3', line: '4' });
    expect(plan.environment).toEqual({ PLAIN: '1' });
    expect(plan.lines).toEqual(expect.arrayContaining(['env a.b=2', 'env BASH_ENV=3', 'env line=4']));
    expect(plan.args.slice(-4)).toEqual(['leader-run-gate', 'cmd', 'a', 'b']);
  });

  test.each([
    { name: 'a value of lines under a name that is none', command: 'cmd', env: { 'a.b': 'one\ntwo' } },
    { name: 'a command that env would take for a variable', command: './a=b', env: { 'a.b': 'x' } },
  ])('puts Node there for $name', ({ command, env }) => {
    const plan = planGate(command, ['x'], { PLAIN: '1', ...env });
    expect(plan.file).toBe(process.execPath);
    expect(plan.environment).toEqual({ PLAIN: '1', ...env });
    expect(plan.args.slice(1)).toEqual([command, 'x']);
    expect(plan.lines).toEqual([]);
  });

  test('lets values of lines pass under plain names', () => {
    const plan = planGate('cmd', [], { TEXT: 'one\ntwo' });
    expect(plan.file).not.toBe(process.execPath);
    expect(plan.environment).toEqual({ TEXT: 'one\ntwo' });
  });

  test('quotes what it puts back, since the shell reads it as a program', () => {
    const plan = planGate('cmd', [], { PWD: `it's "$(touch evil)"` });
    expect(plan.args[1]).toContain(`export PWD='it'\\''s "$(touch evil)"'\n`);
  });
});
