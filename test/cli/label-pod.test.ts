// --label-pod: what a Config comes out as, and how each slip is answered.
// To check: each fault is compared as a whole list.
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import type { Environment } from '../../src/cli/arguments.ts';
import { systemFacts } from '../../src/cli/facts.ts';

function read(label: string, more: readonly string[] = [], env: Environment = {}) {
  return readConfig(['--lock', 'a/b', '--label-pod', label, ...more, '--', 'x'], env, { ...systemFacts(), hostname: 'host' });
}

describe('the label of the pod', () => {
  test.each([
    { text: 'role=leader', label: { key: 'role', value: 'leader' } },
    { text: 'example.com/Role=', label: { key: 'example.com/Role', value: '' } },
    { text: 'a.b-c_D=1', label: { key: 'a.b-c_D', value: '1' } },
    { text: `${'k'.repeat(63)}=${'v'.repeat(63)}`, label: { key: 'k'.repeat(63), value: 'v'.repeat(63) } },
  ])('is what Kubernetes takes: $text', ({ text, label }) => {
    expect(read(text)).toMatchObject({ kind: 'run', config: { labelPod: label } });
  });

  const wrong = ['role', '=leader', 'role=a=b', 'role=a b', '-role=a', 'role=a-', 'a/b/c=d', '/role=a', 'role=\n'];
  test.each([...wrong, 'Example.com/Role=', `${'k'.repeat(64)}=v`])('is not what Kubernetes would refuse: %s', (text) => {
    const fault = /: expected key=value, as in role=leader; /;
    expect(read(text)).toMatchObject({ faults: [expect.stringMatching(fault)] });
  });

  test.each([
    { name: 'POD_NAME', env: { POD_NAME: 'web-0', HOSTNAME: 'h' }, pod: 'web-0' },
    { name: 'HOSTNAME', env: { POD_NAME: '', HOSTNAME: 'h' }, pod: 'h' },
    { name: 'the host', env: {}, pod: 'host' },
  ])('is for the pod that is named by $name', ({ env, pod }) => {
    expect(read('role=leader', [], env)).toMatchObject({ config: { labelPod: { pod } } });
  });

  test('does not go with a lock of one machine', () => {
    const fault = '--local uses no cluster, so it does not go with --label-pod';
    expect(read('role=leader', ['--local'])).toEqual({ kind: 'faults', faults: [fault] });
  });
});
