// The guardian where no shell can be one: the same dead man's switch and the same lines as in script.ts, as a
// program of its own, run by Node (15 MB where a shell takes half a megabyte).
// Invariants: as there. A deadline that has passed is never extended; a clock that cannot be read counts as past.

import { createInterface } from 'node:readline';
import { systemClock } from '../../clock.ts';
import { sendSignal } from '../../common/kill.ts';
import { signalEach } from '../hands.ts';
import { CommandTree } from '../sweep.ts';

const sliceMs = 250;
const orphanGraceMs = 250;
const rounds = 40;
const roundMs = 50;
const pauses = new Int32Array(new SharedArrayBuffer(4));

const [, , cookie = ''] = process.argv;
const clock = systemClock();
let pgid: number | undefined;
let tree: CommandTree | undefined;
let deadline: number | undefined;

for (const signal of [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGPIPE',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
] as const) {
  process.on(signal, () => undefined);
}
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  // The clock first: a line that was sent in time may be read too late.
  check();
  const [word, first = '', second] = line.split(' ');
  if (word === 'T') {
    pgid = Number(first);
    tree = new CommandTree({ pgid, cookie: `${cookie}=`, forks: 0 });
  }
  if (word === 'D') deadline = Number(second) * 10;
  if (word === 'X') pgid = deadline = undefined;
  if (word === 'D' || word === 'X') process.stdout.write(`A ${first}\n`);
});
lines.on('close', () => {
  if (pgid === undefined) process.exit(0);
  look();
  sendSignal(-pgid, 'SIGTERM');
  sendSignal(-pgid, 'SIGCONT');
  const leftMs = deadline === undefined ? orphanGraceMs : deadline - bootMs();
  clock.after(Math.min(orphanGraceMs, leftMs), () => {
    finish('leader-run is gone');
  });
});
tick();
process.stdout.write('R\n');

function tick(): void {
  check();
  clock.after(deadline === undefined ? sliceMs : Math.min(sliceMs, deadline - bootMs()), tick);
}

function check(): void {
  if (deadline !== undefined && bootMs() >= deadline) finish('the lease is about to end and was not renewed');
}

function bootMs(): number {
  try {
    return clock.now().boot;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Kills the group and its kin, found before the first signal; again until no process is left, or for 2 s. */
function finish(why: string): never {
  if (pgid === undefined) process.exit(0);
  let left = look();
  sendSignal(-pgid, 'SIGKILL');
  for (let round = 0; round < rounds && left.length > 0; round += 1) {
    signalEach(left, 'SIGKILL');
    if (round >= 2) Atomics.wait(pauses, 0, 0, roundMs);
    left = look();
  }
  const end =
    left.length === 0 ? 'the command was killed' : `these processes of the command cannot be killed: ${left.join(' ')}`;
  // Last: a reader of stderr that has stopped reading must not keep the rest of the command alive.
  process.stderr.write(`leader-run guardian: ${why}; ${end}\n`);
  process.exit(9);
}

/** A command that cannot be looked for is not gone. */
function look(): number[] {
  try {
    return (tree?.look() ?? []).map(({ pid }) => pid);
  } catch {
    return pgid === undefined ? [] : [pgid];
  }
}
