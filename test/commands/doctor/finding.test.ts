// How findings are shown: the sections for people, the last line, and JSON.
import { expect, test } from 'vitest';
import { type Finding, inSection, jsonOf, lastLine, sectionText } from '../../../src/commands/doctor/finding.ts';

const ok: Finding = { section: 'cluster', name: 'server', verdict: 'ok', text: 'it is there' };
const warn: Finding = { ...ok, name: 'clock', verdict: 'warn', text: 'late' };
const fail: Finding = { ...ok, name: 'watch', verdict: 'FAIL', text: 'no', fix: '- one\n- two' };
const skip: Finding = { ...ok, name: 'other', verdict: 'skip', text: 'not asked' };

test('a section is a line for each check, with what to change below it', () => {
  expect(sectionText('cluster', [ok, warn, fail, skip])).toBe(
    'cluster\n  ok    it is there\n  warn  late\n  FAIL  no\n        - one\n        - two\n  skip  not asked\n',
  );
});

test('a section without checks is not shown', () => {
  expect(sectionText('lock', [])).toBe('');
});

test('the last line counts a warning as passed, and what was left out not at all', () => {
  expect(lastLine([ok, warn, skip])).toBe('all 2 checks passed\n');
  expect(lastLine([ok, warn, fail, skip])).toBe('1 of 3 checks failed\n');
});

test('JSON is one object, with its fields in their order', () => {
  expect(jsonOf('ops/nightly', [ok, fail])).toBe(
    '{"lock":"ops/nightly","ok":false,"checks":[' +
      '{"section":"cluster","name":"server","verdict":"ok","text":"it is there"},' +
      '{"section":"cluster","name":"watch","verdict":"fail","text":"no","fix":"- one\\n- two"}]}\n',
  );
  expect(jsonOf('ops/nightly', [ok, warn, skip])).toContain('"ok":true');
});

test('what was judged is put into its section', () => {
  expect(inSection('here', [{ name: 'a', verdict: 'ok', text: 'b' }])).toEqual([
    { section: 'here', name: 'a', verdict: 'ok', text: 'b' },
  ]);
});
