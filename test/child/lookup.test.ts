// Where a command is looked for, what is refused before any lock is asked for, and what the sentence advises.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findCommand } from '../../src/child/lookup.ts';

const folder = mkdtempSync(join(tmpdir(), 'leader-run-command-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function put(name: string, text = '', mode = 0o755): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

function circle(): string {
  const file = join(folder, 'circle');
  symlinkSync(file, file);
  return file;
}

mkdirSync(join(folder, 'first'));
mkdirSync(join(folder, 'second'));
put('first/tool', '', 0o644);
put('first/plain', '', 0o644);
put('second/tool');
const path = `${join(folder, 'first')}:${join(folder, 'second')}`;

describe('a command', () => {
  test.each([
    { name: 'is found past a file that cannot be executed', command: 'tool' },
    { name: 'is a file that can be executed', command: join(folder, 'second', 'tool') },
    { name: 'may be a script', command: put('script', '#!/bin/sh\nexit 0\n') },
    { name: 'may be a script whose interpreter has an argument', command: put('argument', '#! /usr/bin/env sh\n') },
    { name: 'may be a script without a first line of that kind', command: put('lines', 'exit 0\n') },
    { name: 'may be anything else that begins so', command: put('binary', '#!') },
    { name: 'may be executable and not readable', command: put('unreadable', '#!/nonexistent\n', 0o111), only: !isRoot() },
  ])('$name', ({ command, only = true }) => {
    if (only) expect(findCommand(command, path)).toEqual({ kind: 'found' });
  });

  test.each([
    { name: 'may be there without the right to execute it', command: 'plain', kind: 'not-executable', says: 'run chmod +x on' },
    { name: 'is no folder', command: join(folder, 'first'), kind: 'not-executable', says: 'it is not a file' },
    { name: 'may be nowhere', command: 'nothing', kind: 'not-found', says: /^was not found$/ },
    { name: 'with a slash is not looked for in PATH', command: './tool', kind: 'not-found', says: /^was not found$/ },
    { name: 'is no circle of links', command: circle(), kind: 'not-executable', says: 'symbolic links lead in a circle' },
    { name: 'has no name of 300 letters', command: `./${'x'.repeat(300)}`, kind: 'not-executable', says: 'its name is too long' },
    { name: 'is one word', command: 'touch x', kind: 'not-found', says: 'taken as one word' },
    { name: 'is no variable', command: 'A=b', kind: 'not-found', says: 'env NAME=value' },
    { name: 'is no word of shells', command: 'cd', kind: 'not-found', says: "sh -c 'cd ...'" },
    {
      name: 'needs its interpreter',
      command: put('orphan', '#!/nonexistent/python -u\n'),
      kind: 'not-found',
      says: 'names the interpreter /nonexistent/python, which cannot be started',
    },
    { name: 'has no carriage returns', command: put('crlf', '#!/bin/sh\r\n'), kind: 'not-found', says: 'end with CR LF' },
  ])('$name, or is refused', ({ command, kind, says }) => {
    const found = findCommand(command, path);
    expect(found.kind).toBe(kind);
    expect('why' in found && found.why).toMatch(says);
  });

  test('in this folder has to be called so', () => {
    const name = relative(process.cwd(), join(folder, 'second', 'tool'));
    const inHere = findCommand('package.json', path);
    expect('why' in inHere && inHere.why).toContain('write ./package.json');
    expect(findCommand(name, path)).toEqual({ kind: 'found' });
  });

  test('is looked for in the usual places when PATH is not set', () => {
    expect(findCommand('sh', undefined)).toEqual({ kind: 'found' });
  });
});

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
