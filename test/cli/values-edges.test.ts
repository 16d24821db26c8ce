// The parsers of what hooks, verbs and pods are told by options: the first and the last text that each takes, the next
// one that it does not, and what it says then. Those of a lock's own options are in values.test.ts.
// To check: a slip is answered before anything runs, since sh, cron and Kubernetes would tell of it hours later.
import { describe, expect, test } from 'vitest';
import {
  fileName,
  healthTime,
  hookLine,
  imageName,
  instant,
  listenPlace,
  loseLine,
  oneOf,
  podLabel,
  positiveTime,
  reasonText,
  replicaCount,
  signalName,
  tickCount,
} from '../../src/cli/values.ts';

const fault = (words: string): object => ({ fault: words });

describe('the line of a hook', () => {
  const blank = fault('expected a line for sh -c, and it is blank');

  test('is kept to the letter, and must not be blank', () => {
    for (const parse of [hookLine, loseLine]) {
      expect(parse(' echo "$A"\n')).toEqual({ value: ' echo "$A"\n' });
      for (const text of ['', ' ', '\t\n']) expect(parse(text)).toEqual(blank);
    }
  });

  test('for the end of a term is not a word that another option takes', () => {
    expect(loseLine('exit')).toEqual(fault('did you mean --on-lost exit?'));
    expect(loseLine(' rejoin ')).toEqual(fault('did you mean --on-lost rejoin?'));
    for (const text of ['exit 0', 'rejoin.sh', 'EXIT']) expect(loseLine(text)).toEqual({ value: text });
    expect(hookLine('exit')).toEqual({ value: 'exit' });
  });
});

test('a limit is longer than nothing', () => {
  expect(positiveTime('1ms')).toEqual({ value: 1 });
  for (const text of ['0', '0s']) expect(positiveTime(text)).toEqual(fault('expected more than 0, as in 30m'));
  expect(positiveTime('soon')).toEqual(fault('expected a duration such as 500ms, 15s, 1m30s or 1.5h'));
});

describe('a number of ticks', () => {
  test.each([['1', 1], ['7', 7], ['042', 42], ['100', 100]] as const)('is %s', (text, value) => {
    expect(tickCount(text)).toEqual({ value });
  });

  test.each(['0', '101', '0001', '', '1.5', '-1', '1e1', ' 1', 'x1', '1x'])('is not "%s"', (text) => {
    expect(tickCount(text)).toEqual(fault('expected a number from 1 to 100'));
  });
});

describe('an instant', () => {
  const noon = Date.parse('2026-10-24T12:00:00Z');

  test.each([
    ['2026-10-24', noon - 12 * 3_600_000],
    ['2026-10-24T12:00Z', noon],
    ['2026-10-24T12:00:00Z', noon],
    ['2026-10-24T12:00:00.250Z', noon + 250],
    ['2026-10-24T14:00:00+02:00', noon],
    ['2026-10-24T07:30:00-04:30', noon],
    ['2028-02-29', Date.parse('2028-02-29T00:00:00Z')],
  ])('is a day in UTC, or a time with its zone: %s', (text, value) => {
    expect(instant(text)).toEqual({ value });
  });

  test.each([
    // Of another machine's day, or of this one's.
    ...['2026-10-24T12:00:00', '2026-10-24T12:00', '12:00Z', '2026-10-24 12:00:00Z', '2026-10-24T12:00:00+0200'],
    ...['2026-10-24T12:00:00+02', '24-10-2026', '2026-10', '', 'tomorrow', '1761307200', '2026-10-2'],
    ...['12026-10-24', 'x2026-10-24', '2026-10-24x', '2026-10-24T12:00:00Zx', '2026-10-24TZ', '2026-10-24Z'],
    // Of no calendar and no clock.
    ...['2026-13-01', '2026-00-10', '2026-10-32', '2026-02-30', '2026-02-29', '2026-04-31T12:00:00Z'],
    ...['2026-10-24T25:00:00Z', '2026-10-24T12:60:00Z', '2026-10-24T12:00:00+99:00', '2026-10-24T12Z'],
  ])('is not "%s"', (text) => {
    const words = 'expected a day such as 2026-10-24, or a time with its zone such as 2026-10-24T12:00:00Z';
    expect(instant(text)).toEqual(fault(words));
  });
});

test('a reason may be as long as 200 characters, or empty, and shows all of them', () => {
  for (const text of ['', 'kernel update', 'ä'.repeat(200)]) expect(reasonText(text)).toEqual({ value: text });
  expect(reasonText('a'.repeat(201))).toEqual(fault('a reason has at most 200 characters'));
  for (const text of ['a\nb', 'a\x1b[2J', 'a\u202eb'])
    expect(reasonText(text)).toEqual(fault('a reason must not hold control or invisible characters'));
});

describe('the label of a pod', () => {
  const [longest, longestPrefix] = ['k'.repeat(63), `${'a'.repeat(126)}.${'b'.repeat(126)}`];

  test.each([
    ['role=leader', 'role', 'leader'],
    ['r=1', 'r', '1'],
    ['a.b-c_D=e.f-g_H', 'a.b-c_D', 'e.f-g_H'],
    ['role=', 'role', ''],
    ['example.com/Role=leader', 'example.com/Role', 'leader'],
    [`${longestPrefix}/${longest}=${longest}`, `${longestPrefix}/${longest}`, longest],
  ])('is %s', (text, key, value) => {
    expect(podLabel(text)).toEqual({ value: { key, value } });
  });

  test.each([
    ...['', 'role', '=', '=leader', '/role=a', 'a/b/c=d', 'example.com/=a', 'Example.com/role=a', 'role=a=b'],
    ...['-role=a', 'role-=a', 'ro le=a', 'role=-a', 'role=a-', 'role=a b', 'role=\n', 'role=a\n', '\nrole=a', 'rôle=a'],
    ...['.role=a', 'role=_', `${longest}k=a`, `role=${longest}k`, `${longestPrefix}c/role=a`],
  ])('is not "%s"', (text) => {
    const form = 'at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit';
    expect(podLabel(text)).toEqual(fault(`expected key=value, as in role=leader; each is ${form}`));
  });
});

describe('where to listen', () => {
  test.each([
    ['9090', '127.0.0.1', 9090],
    ['0', '127.0.0.1', 0],
    ['65535', '127.0.0.1', 65_535],
    ['localhost:9090', '127.0.0.1', 9090],
    ['0.0.0.0:9090', '0.0.0.0', 9090],
    ['10.1.2.3:80', '10.1.2.3', 80],
    ['[::]:9090', '::', 9090],
    ['[fd00::1]:9090', 'fd00::1', 9090],
  ] as const)('is %s', (text, host, port) => {
    expect(listenPlace(text)).toEqual({ value: { host, port } });
  });

  test.each([
    ...['', ':', '0.0.0.0', '0.0.0.0:', '[::]', '65536', '99999', '100000', '-1', '9090x', 'x9090', '90 90'],
    ...['example.com:80', '1.2.3:80', '::1:80', '[1.2.3.4]:80', '[]:80', 'x:[::]:80', '[::]:80x', '::80'],
  ])('is not "%s"', (text) => {
    const form = 'expected a port, or an address and a port, such as 9090, 0.0.0.0:9090 or [::]:9090';
    const alone = 'write 80 for this machine alone, or 0.0.0.0:80 for all who can reach it';
    expect(listenPlace(text)).toEqual(fault(text === '[]:80' ? alone : form));
  });

  test('is said whole where it says either of two things', () => {
    const both = 'write 9090 for this machine alone, or 0.0.0.0:9090 for all who can reach it';
    expect(listenPlace(':9090')).toEqual(fault(both));
  });
});

test('a sign of health is waited for a second or longer', () => {
  expect(healthTime('1s')).toEqual({ value: 1000 });
  expect(healthTime('1m')).toEqual({ value: 60_000 });
  for (const text of ['999ms', '0']) expect(healthTime(text)).toEqual(fault('expected at least 1s'));
  expect(healthTime('soon')).toEqual(fault('expected a duration such as 500ms, 15s, 1m30s or 1.5h'));
});

test('a file has a name, in which no shell has replaced anything', () => {
  for (const text of ['/run/alive', 'alive', 'a~', './~']) expect(fileName(text)).toEqual({ value: text });
  expect(fileName('')).toEqual(fault("expected a file's path, and it is empty"));
  expect(fileName('~/alive')).toEqual(fault('the ~ is not expanded here: write $HOME in its place'));
});

describe('an image', () => {
  const form = 'expected an image such as registry.example.com/app:1.4 or app@sha256:...';

  test.each([
    ...['app', 'app:1.4', 'example.com/app', 'example.com:5000/a/b/app:v1', 'Example.com/app'],
    `app@sha256:${'0'.repeat(64)}`,
  ])('is %s', (text) => {
    expect(imageName(text)).toEqual({ value: text });
  });

  test.each(['', 'app:', ':1', 'app@', 'a b', 'app:1:2'])('is not "%s"', (text) => {
    expect(imageName(text)).toEqual(fault(form));
  });

  test.each(['example.com/My/app', 'App', 'App:latest'])('has a path of small letters, unlike %s', (text) => {
    expect(imageName(text)).toEqual(fault(`${form}; its path has small letters only`));
  });

  test.each(['app:UP DATE', 'app@SHA256:00', 'example.com:5000/app:V 1'])('may have others behind it: %s', (text) => {
    expect(imageName(text)).toEqual(fault(form));
  });
});

describe('a number of replicas', () => {
  test.each([['1', 1], ['12', 12], ['0007', 7], ['1000', 1000]] as const)('is %s', (text, value) => {
    expect(replicaCount(text)).toEqual({ value });
  });

  test.each(['0', '1001', '9999', '00001', '', '1.5', '-1', '1e2', ' 1', 'x1', '1x'])('is not "%s"', (text) => {
    expect(replicaCount(text)).toEqual(fault('expected a number from 1 to 1000'));
  });
});

describe('what a shell completes', () => {
  test('is each choice', () => {
    expect(oneOf(['first', 'second']).choices).toEqual(['first', 'second']);
  });

  test('is each signal that a command can hear', () => {
    expect(signalName.choices).toEqual(expect.arrayContaining(['SIGTERM', 'SIGINT', 'SIGUSR1']));
    expect(signalName.choices).not.toContain('SIGSTOP');
    expect(signalName.choices).not.toContain('SIGKILL');
  });
});
