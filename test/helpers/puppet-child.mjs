// A command whose strings the test pulls: it says hello over a socket, tells of each signal, and otherwise does only
// what it is told; above all it ends of no signal that can be caught. Run by puppets.ts as
// `node puppet-child.mjs <socket> <name>`: by arguments alone, since some puppets have no environment.
// To check: a puppet whose test is gone ends by itself, so that no failed test leaves one behind.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';

const [, script, socketPath, name, ...args] = process.argv;
const asking = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'ALRM', 'WINCH', 'CONT', 'TSTP', 'TTIN', 'TTOU'];
const signals = [...asking, 'URG', 'IO', 'PWR', 'STKFLT', 'VTALRM', 'XCPU'].filter((name) => `SIG${name}` in constants.signals);
const heard = [];
let say = (message) => heard.push(message);
for (const signal of signals) process.on(`SIG${signal}`, () => say({ got: `SIG${signal}` }));

// Whoever reads what it prints may go away.
process.stdout.on('error', () => undefined);
const socket = connect(socketPath);
socket.on('error', () => process.exit(99));
socket.on('close', () => process.exit(99));
socket.on('connect', () => {
  say = (message) => socket.write(`${JSON.stringify(message)}\n`);
  const stat = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ');
  say({ hello: name, pid: process.pid, group: Number(stat[2]), session: Number(stat[3]), args });
  for (const message of heard.splice(0)) say(message);
});

const acts = {
  exit: ({ status }) => process.exit(status),
  die: ({ signal }) => {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  },
  spawn: ({ kid, how }) => startKid(kid, how),
  print: ({ text }) => process.stdout.write(text),
  environment: () => readFileSync('/proc/self/environ').toString('base64'),
  descriptors: () => Object.fromEntries(readdirSync('/proc/self/fd').flatMap((fd) => linkOf(fd))),
  readLine: () => new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve)),
};

createInterface({ input: socket }).on('line', (line) => {
  const { id, act, ...rest } = JSON.parse(line);
  void Promise.resolve(acts[act](rest)).then((answer) => say({ id, answer: answer ?? null }));
});

/** How a child of ours may run away from its group: each way sheds other marks. */
function startKid(kid, how) {
  const self = [process.execPath, script, socketPath, kid];
  const ways = {
    member: { argv: self },
    session: { argv: self, detached: true },
    orphan: { argv: ['sh', '-c', 'setsid "$@" & :', 'sh', ...self] },
    'nameless session': { argv: self, detached: true, env: {} },
    'nameless group': { argv: ['bash', '-c', 'set -m; env -i "$@" & :', 'bash', ...self] },
    'nameless orphan': { argv: ['sh', '-c', 'setsid env -i "$@" & :', 'sh', ...self] },
  };
  const {
    argv: [file, ...rest],
    detached = false,
    env = process.env,
  } = ways[how];
  spawn(file, rest, { stdio: 'inherit', detached, env });
}

function linkOf(fd) {
  try {
    return [[fd, readlinkSync(`/proc/self/fd/${fd}`)]];
  } catch {
    // The descriptor that the listing itself was made with.
    return [];
  }
}
