// The command that candidates run in tests of "never two at once": it stamps that it is alive every 10 ms and bumps a
// counter that nothing guards, so that two of them cannot live at once without a trace. Decides nothing about locks.
// stamps.ts starts it (behind a shell that has taken a flock) and reads what it wrote.
// To check: each stamp is one append, and each bump one read and one write in place, so that SIGKILL leaves no half.
import { spawn } from 'node:child_process';
import { appendFileSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';

const beatMs = 10;
const width = 16;

const { folder, name, drainMs, ignoreTerm, runMs, status, offspring } = JSON.parse(process.argv[2]);
const stamps = openSync(path.join(folder, 'stamps'), 'a');
const beats = openSync(path.join(folder, 'beats'), 'a');
const counter = openSync(path.join(folder, 'counter'), 'r+');

for (const detached of offspring ? [false, true] : []) {
  // With the flock's descriptor, which Node would not hand on by itself: whoever lives on holds it.
  const child = spawn('sleep', ['300'], { detached, stdio: ['ignore', 'ignore', 'ignore', 9] });
  stamp(detached ? 'escaped' : 'offspring', child.pid);
}
process.on('SIGTERM', () => {
  stamp('asked');
  if (!ignoreTerm) setTimeout(end, drainMs);
});
if (runMs !== undefined) setTimeout(end, runMs);
beat();
setInterval(beat, beatMs);
stamp('ready');

function beat() {
  const text = Buffer.alloc(width);
  readSync(counter, text, 0, width, 0);
  const count = Number(text.toString()) + 1;
  writeSync(counter, String(count).padEnd(width), 0);
  stamp('beat', count, beats);
}

function end() {
  stamp('end');
  process.exit(status);
}

function stamp(kind, value = '-', file = stamps) {
  appendFileSync(file, `${Date.now()} ${kind} ${name} ${process.pid} ${value}\n`);
}
