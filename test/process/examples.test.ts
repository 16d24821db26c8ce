// README's first command and the examples that need no cluster, run as they stand, on a store of the test's own.
// Decides only what is put in their place: `npx leader-run` is the bundle, a folder stands behind --local.
// To check: what is run is read from README and examples/, so that they cannot rot unnoticed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const example = (file: string): string => path.join(root, 'examples', file);

describe.concurrent("README's first command", () => {
  const [, command = ''] = /^npm ci && npx (leader-run --local .*)$/m.exec(read('README.md')) ?? [];

  test('leads, and in a second terminal stands by until the first one ends', async ({ arena, expect }) => {
    const first = shell(arena, `exec ${command}`);
    await first.says('leading with token 1\n');
    const second = shell(arena, `exec ${command}`);
    await second.event('standing-by');
    expect(second.stdout).toBe('');

    first.signal('SIGTERM');
    expect(await first.end()).toMatchObject({ signal: 'SIGTERM' });
    await second.says('leading with token ');
    second.signal('SIGTERM');
    expect(await second.end()).toMatchObject({ signal: 'SIGTERM' });
  });
});

describe.concurrent('the example', () => {
  test.for(readdirSync(example('shell')))('%s is a shell script that can be executed', (file, { expect }) => {
    const { status, stderr } = spawnSync('sh', ['-n', example(`shell/${file}`)], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(read(`examples/shell/${file}`)).toMatch(/^#!\/bin\/sh\n/);
    expect(statSync(example(`shell/${file}`)).mode & 0o111).toBe(0o111);
  });

  test('worker.sh works until it is told to stop, and ends well', async ({ arena, expect }) => {
    const run = shell(arena, `cd ${example('shell')} && exec ${commandIn('shell/worker.sh')}`);
    await run.says('working with token 1\n');
    run.signal('SIGTERM');
    expect(await run.end()).toMatchObject({ status: 0 });
    expect(run.stdout).toBe('working with token 1\ntold to stop: finishing the step\nfinished\n');
  });

  test('fenced.sh writes under its token, and not after a later leader has written', async ({ arena, expect, skip }) => {
    skip(missing('flock') !== undefined, missing('flock'));
    const store = path.join(arena.folder, 'fenced');
    const fenced = (): Run =>
      shell(arena, `cd ${example('shell')} && exec ${commandIn('shell/fenced.sh').replace('/tmp/store', store)}`);
    expect(await fenced().end()).toMatchObject({ status: 0 });
    expect(await fenced().end()).toMatchObject({ status: 0 });
    const token = readFileSync(path.join(store, 'token'), 'utf8').trim();
    expect(Number(token)).toBeGreaterThan(1);
    expect(readFileSync(path.join(store, 'value'), 'utf8')).toBe(`written under token ${token}\n`);

    writeFileSync(path.join(store, 'token'), '9000000000000000000\n');
    const late = fenced();
    expect(await late.end()).toMatchObject({ status: 1 });
    expect(late.stderr).toMatch(/^refused: token \d+ is older than 9000000000000000000$/m);
  });

  test('crontab runs its job once, though two machines come to it', async ({ arena, expect }) => {
    const lines = read('examples/cron/leader-run.crontab').split('\n').filter((line) => /^[*\d]/.test(line));
    expect(lines).toHaveLength(1);
    const [, schedule = '', line = ''] = /^((?:\S+ ){5})(.*)$/.exec(lines[0] ?? '') ?? [];
    expect(schedule).toMatch(/^([*\d/,-]+ ){5}$/);
    const job = program(arena, 'send-reports', 'echo sent');

    // With a lease of 4 s the second one is certain of the first within half a second.
    const timing = '--lease-duration 4s --renew-deadline 2s --retry-period 400ms';
    const there = line.replace('leader-run ', `leader-run --local ${timing} `).replace(/send-reports$/, job);
    // The end of a quarter of an hour may fall between two of them: then two ticks have come.
    const tick = (): number => Math.floor(Date.now() / 900_000);
    const began = tick();
    const machines = [shell(arena, `exec ${there}`), shell(arena, `exec ${there}`)];
    for (const machine of machines) expect(await machine.end()).toMatchObject({ status: 0 });
    const late = shell(arena, `exec ${there}`);
    expect(await late.end()).toMatchObject({ status: 0 });
    const all = [...machines, late];
    const ticks = tick() - began + 1;
    expect(all.map(({ stdout }) => stdout).join('').length).toBeLessThanOrEqual('sent\n'.length * ticks);
    expect(all.map(({ stdout }) => stdout).join('')).toContain('sent\n');
    // cron mails what is printed.
    if (ticks === 1) expect(all.map(({ stderr }) => stderr)).toEqual(['', '', '']);
  });

  test('systemd unit is one that systemd takes', ({ arena, expect, skip }) => {
    skip(missing('systemd-analyze') !== undefined, missing('systemd-analyze'));
    const unit = read('examples/systemd/leader-run@.service');
    expect(optionsIn(unit)).toEqual(['--lock']);
    // It looks whether the programs exist.
    const stand = unit.replaceAll(/\/usr\/local\/bin\/(?:leader-run|%i)/g, '/bin/true');
    const file = path.join(arena.folder, 'leader-run@reports.service');
    writeFileSync(file, stand);
    const { stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    expect([stdout, stderr.split('\n').filter((line) => line.includes('leader-run')), status]).toEqual(['', [], 0]);
  });
});

/** The command line that an example gives in its comments. */
function commandIn(file: string): string {
  return /^# {3}(leader-run --local .*)$/m.exec(read(`examples/${file}`))?.[1] ?? '';
}

/** Runs a line as a shell would, with leader-run on its PATH and the arena's store behind --local. */
function shell(arena: Arena, line: string): Run {
  program(arena, 'leader-run', `exec ${process.execPath} ${path.join(arena.bundle, 'bin/leader-run.js')} "$@"`);
  const there = line.replace('--local ', `--local=${arena.store} `);
  const PATH = `${path.join(arena.folder, 'bin')}:${process.env['PATH'] ?? ''}`;
  return arena.spawn(['sh', '-c', there], { env: { PATH } });
}

function program(arena: Arena, name: string, script: string): string {
  const file = path.join(arena.folder, 'bin', name);
  mkdirSync(path.dirname(file), { recursive: true });
  if (!existsSync(file)) writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

function optionsIn(unit: string): string[] {
  const [, line = ''] = /^ExecStart=\S+ (.*?) -- /m.exec(unit) ?? [];
  return line.split(' ').filter((word) => word.startsWith('--'));
}
