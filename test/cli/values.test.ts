// Each parser of an option's text by itself: the first and the last text that it takes, the next one that it does not,
// and what it offers instead. Whole command lines are in test/cli/config.test.ts.
// To check: a guess is offered only where it would be taken.
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  anyText,
  closest,
  exitCode,
  identityText,
  leaseTime,
  lockName,
  namespaceName,
  oneOf,
  semanticVersion,
  signalName,
  switchMeant,
  switchOrFolder,
  switchText,
  waitTime,
} from '../../src/cli/values.ts';

const fault = (words: string): object => ({ fault: words });

test('any text is taken as it is', () => {
  expect(anyText(' a ')).toEqual({ value: ' a ' });
});

describe('a choice', () => {
  const parse = oneOf(['first', 'second', 'third']);

  test('is one of the choices, letter by letter', () => {
    expect(parse('second')).toEqual({ value: 'second' });
    expect(parse('Second')).toEqual(fault('expected first, second or third; did you mean second?'));
    expect(parse('nothing')).toEqual(fault('expected first, second or third'));
  });
});

describe('a switch', () => {
  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('is read from %s', (text, value) => {
    expect(switchText(text)).toEqual({ value });
    expect(switchOrFolder(text)).toEqual({ value });
  });

  test.each(['yes', '', 'TRUE', '10'])('is not read from "%s"', (text) => {
    expect(switchText(text)).toEqual(fault('expected true or false'));
  });

  test.each([
    ...['1', 'true', 't', 'yes', 'y', 'on', 'enable', 'enabled'].map((text) => [text, true] as const),
    ...['0', 'false', 'f', 'no', 'n', 'off', 'disable', 'disabled', 'none'].map((text) => [text, false] as const),
    ...['', 'maybe', 'tr', 'on off'].map((text) => [text, undefined] as const),
  ])('is meant by "%s" to people: %s', (text, meant) => {
    expect(switchMeant(` ${text.toUpperCase()} `)).toBe(meant);
  });

  test.each(['/var/lib/x', 'x', './true', 'a~'])('may be a folder: %s', (text) => {
    expect(switchOrFolder(text)).toEqual({ value: text });
  });

  test.each([
    ['YES', 'true'],
    ['off', 'false'],
  ])('is no folder that is called %s', (text, meant) => {
    const words = `expected true, false or a folder: write ${meant}, or the folder's path from / on`;
    expect(switchOrFolder(text)).toEqual(fault(words));
  });

  test.each([
    ['~', 'write $HOME in its place, or the path'],
    ['~/x', 'write $HOME in its place, or the path'],
    ['~bob', 'write the path'],
    ['~bob/~/x', 'write the path'],
  ])('is no folder of a home: %s', (text, words) => {
    expect(switchOrFolder(text)).toEqual(fault(`the ~ is not expanded here: ${words} from / on`));
  });
});

describe('a time', () => {
  test('to wait is none, some, or for ever', () => {
    expect(['forever', '0', '0s', '1ms'].map(waitTime)).toEqual([
      { value: { kind: 'forever' } },
      { value: { kind: 'one-look' } },
      { value: { kind: 'one-look' } },
      { value: { kind: 'for', ms: 1 } },
    ]);
  });

  test('to wait that is none is told with what goes besides', () => {
    expect(waitTime('5')).toEqual(
      fault('a duration needs a unit; write 5s for seconds; 0 looks once, forever never gives up'),
    );
  });

  test('of a lease is a whole second or more of them', () => {
    expect(leaseTime('1s')).toEqual({ value: 1000 });
    expect(leaseTime('2s')).toEqual({ value: 2000 });
    for (const text of ['0', '999ms', '1001ms', '1.5s', '1.5', '20.75']) {
      expect(leaseTime(text)).toEqual(fault('expected whole seconds such as 15s, since the record holds no parts of them'));
    }
  });

  test.each([
    ['15', 'a duration needs a unit; write 15s for seconds'],
    ['1.5x', 'expected a duration such as 500ms, 15s, 1m30s or 1.5h'],
    ['x1.5', 'expected a duration such as 500ms, 15s, 1m30s or 1.5h'],
  ])('of a lease that is none is told as any other: %s', (text, words) => {
    expect(leaseTime(text)).toEqual(fault(words));
  });
});

describe('an exit status', () => {
  test.each([
    ['0', 0],
    ['7', 7],
    ['255', 255],
    ['007', 7],
  ])('is %s', (text, value) => {
    expect(exitCode(text)).toEqual({ value });
  });

  test.each(['256', '0007', '', '1.5', '-1', '1e1', ' 1', 'x1', '1x'])('is not "%s"', (text) => {
    expect(exitCode(text)).toEqual(fault('expected an exit status from 0 to 255'));
  });
});

describe('a signal', () => {
  const expected = "expected a signal's name such as SIGTERM";

  test.each([
    ['SIGUSR1', 'SIGUSR1'],
    ['usr1', 'SIGUSR1'],
    ['sigint', 'SIGINT'],
  ])('is called %s', (text, value) => {
    expect(signalName(text)).toEqual({ value });
  });

  test.each([
    ['15', '; did you mean SIGTERM?'],
    ['SIGTREM', '; did you mean SIGTERM?'],
    ['trem', '; did you mean SIGTERM?'],
    ['SIGX', ''],
    ['MYSIGTERM', ''],
    ['XSIGTERM', ''],
    ['SIGSTOPP', ''],
    [String(constants.signals.SIGSTOP), ''],
    ['', ''],
  ])('is not called "%s"', (text, guess) => {
    expect(signalName(text)).toEqual(fault(`${expected}${guess}`));
  });

  test.each(['STOP', 'SIGSTOP', 'stop'])('that stops is refused: %s', (text) => {
    expect(signalName(text)).toEqual(fault('a stopped process never ends; use SIGTERM, SIGINT or SIGQUIT'));
  });
});

test('an identity may be as long as 253 characters, and shows all of them', () => {
  expect(identityText('i'.repeat(253))).toEqual({ value: 'i'.repeat(253) });
  expect(identityText('i'.repeat(254))).toEqual(fault('an identity has at most 253 characters'));
  expect(identityText('a\u200bb')).toEqual(fault('an identity must not hold control or invisible characters'));
});

describe('a version', () => {
  const fits = ['0.0.0', '1.4.0', '10.20.30', '999999999.0.0', '1.0.0-rc.1', '1.0.0-0-a.b-c.9'];
  test.each(fits)('is %s', (text) => {
    expect(semanticVersion(text)).toEqual({ value: text });
  });

  const odd = ['1.4', '1.4.0.0', '01.4.0', '1.04.0', '1.4.00', '1000000000.0.0', '1.0.0-', '1.0.0-a.', '1.0.0-a..b', '1.0.0+b'];
  test.each([...odd, '1.0.0-a_b', 'v1.0.0', '1.0.0 ', ''])('is not "%s"', (text) => {
    expect(semanticVersion(text)).toEqual(fault('expected a semantic version such as 1.4.0'));
  });
});

describe('a name', () => {
  const ofNamespace =
    'a namespace is at most 63 lower-case letters, digits and -, beginning and ending with a letter or digit';
  const ofLock =
    'the name of a lock is at most 253 lower-case letters, digits, - and ., beginning and ending with a letter or digit';

  test.each(['a', '0', 'a-b', 'a--b', 'a0', 'a'.repeat(63)])('of a namespace is %s', (text) => {
    expect(namespaceName(text)).toEqual({ value: text });
    expect(lockName(`${text}/x`)).toEqual({ value: { namespace: text, name: 'x' } });
  });

  test.each([
    ['a'.repeat(64), ''],
    ['-a', ''],
    ['a-', ''],
    ['a.b', ''],
    ['a!', ''],
    ['', ''],
    ['A_b C', '; did you mean a-b-c?'],
    ['_a', ''],
  ])('of a namespace is not "%s"', (text, guess) => {
    expect(namespaceName(text)).toEqual(fault(`${ofNamespace}${guess}`));
  });

  const longest = `${'a'.repeat(126)}.${'b'.repeat(126)}`;
  test.each(['a', 'a.b', 'a-b.c-d.e', '0.1', longest])('of a lock is %s', (text) => {
    expect(lockName(text)).toEqual({ value: { namespace: undefined, name: text } });
  });

  test.each([
    ['.a', ''],
    ['a.', ''],
    ['a..b', ''],
    ['a.-b', ''],
    ['a-.b', ''],
    ['a!b', ''],
    [`${longest}c`, ''],
    ['A_B C', '; did you mean a-b-c?'],
    ['_A', ''],
    ['A.b', '; did you mean a.b?'],
  ])('of a lock is not "%s"', (text, guess) => {
    expect(lockName(text)).toEqual(fault(`${ofLock}${guess}`));
    expect(lockName(`x/${text}`)).toEqual(fault(`${ofLock}${guess.replace('mean ', 'mean x/')}`));
  });

  test.each([
    ['A/b', `${ofNamespace}; did you mean a/b?`],
    ['A/B_c', `${ofNamespace}; did you mean a/b-c?`],
    ['A/b!', ofNamespace],
    ['A!/b', ofNamespace],
    ['A!/B', ofNamespace],
    ['a/B!', ofLock],
  ])('of both is answered with a guess only if all of it would be taken: %s', (text, words) => {
    expect(lockName(text)).toEqual(fault(words));
  });

  test.each(['', '/', 'a/', '/b', 'a/b/c', 'a//b'])('has one or two parts, not "%s"', (text) => {
    expect(lockName(text)).toEqual(fault('expected name or namespace/name'));
  });
});

describe('the closest choice', () => {
  test.each([
    // One edit of each kind, and none.
    ['abcdef', 'abcdef', 'the word itself'],
    ['abcdxf', 'abcdef', 'a letter replaced'],
    ['abdef', 'abcdef', 'a letter left out'],
    ['abccdef', 'abcdef', 'a letter too many'],
    ['abdcef', 'abcdef', 'two letters swapped'],
    ['bacdef', 'abcdef', 'the first two letters swapped'],
    ['ABCDEF', 'abcdef', 'capitals'],
    // As many as a third of the choice, three at most.
    ['abcdxx', 'abcdef', 'two edits in six letters'],
    ['xxxdefghi', 'abcdefghi', 'three edits in nine'],
  ])('to %s is %s: %s', (word, choice) => {
    expect(closest(word, ['zzzz', choice])).toBe(choice);
  });

  test.each([
    ['abcxxx', 'abcdef', 'three edits in six letters'],
    ['xxcde', 'abcde', 'two edits in five'],
    ['xxxxefghijkl', 'abcdefghijkl', 'four edits in twelve'],
    ['cdab', 'abcd', 'a swap of what is not side by side'],
    ['xa', 'ab', 'one edit in two letters'],
    ['ace', 'bae', 'no swap, since only one of the two letters is there'],
    ['dae', 'ded', 'no swap, since only the other is there'],
    ['eecbdbb', 'ebdbb', 'two letters too many in five'],
  ])('to %s is not %s: %s', (word, choice) => {
    expect(closest(word, [choice])).toBeUndefined();
  });

  test('is the one of the fewest edits, wherever it stands', () => {
    expect(closest('abcdex', ['abxdey', 'abcdef', 'xbcdey'])).toBe('abcdef');
    expect(closest('abcdex', ['abcdef', 'abxdey'])).toBe('abcdef');
  });

  test('is what the word is short for, from three letters on and if it is only one', () => {
    expect(closest('con', ['context', 'other'])).toBe('context');
    expect(closest('CON', ['Context'])).toBe('Context');
    expect(closest('co', ['context'])).toBeUndefined();
    expect(closest('con', ['context', 'contents'])).toBeUndefined();
    expect(closest('tex', ['context'])).toBeUndefined();
  });

  test('is what the word is longer than', () => {
    expect(closest('warning-level', ['warn', 'info'])).toBe('warn');
    expect(closest('a warning', ['warn'])).toBeUndefined();
  });

  test('of none is none, and a word of megabytes is not measured', () => {
    expect(closest('abc', [])).toBeUndefined();
    expect(closest('x'.repeat(5_000_000), ['abcdef'])).toBeUndefined();
  });

  test.each([
    ['kitten-abc', 'sitting-abc', 'sitting-abc'],
    ['abcdefghijklxyz', 'abcdefghijkl', 'abcdefghijkl'],
    ['defghijkl', 'abcdefghijkl', 'abcdefghijkl'],
    ['efghijkl', 'abcdefghijkl', undefined],
  ])('to %s beside %s is %s, by length and letters', (word, choice, found) => {
    expect(closest(word, [choice, 'zz'])).toBe(found);
  });
});
