// Draws docs/hand-over.svg from a real run: two candidates on pseudo-terminals, Ctrl-C in the first, and what both
// terminals show. `npm run build && node scripts/picture.mjs`. Needs script(1) of util-linux.
// Decides nothing about the text: colours and lines are the program's own, only cursor movements are left out.

import { spawn } from 'node:child_process';
import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// Shown in the picture, so without random parts; somebody else's folder of this name is not touched.
const folder = '/tmp/demo';
const columns = 112;

await mkdir(folder, { mode: 0o700 });
try {
  await symlink(path.join(root, 'bin', 'leader-run.js'), path.join(folder, 'leader-run'));
  await copyFile(path.join(root, 'examples', 'shell', 'worker.sh'), path.join(folder, 'worker.sh'));

  const alice = openTerminal('leader-run --local=/tmp/demo --lock demo/reports --identity alice -- ./worker.sh');
  await alice.shows('working with token');
  const bob = openTerminal('leader-run --local=/tmp/demo --lock demo/reports --identity bob -- ./worker.sh');
  await bob.shows('standing by');
  // As long as somebody looks before typing; it also keeps lines of two writers apart.
  await pause(1500);
  alice.type('\x03');
  await alice.closed;
  await bob.shows('working with token');
  // Its line and the command's come by different ways, in either order.
  await bob.shows('started ./worker.sh');
  const screens = [
    { title: 'the first terminal: alice leads until Ctrl-C', lines: alice.lines() },
    { title: 'the second terminal: bob stands by and takes over', lines: bob.lines() },
  ];
  bob.type('\x03');
  await bob.closed;
  await writeFile(path.join(root, 'docs', 'hand-over.svg'), drawn(screens));
} finally {
  await rm(folder, { recursive: true });
}

/** A command on a pseudo-terminal of its own, as if typed at a prompt. */
function openTerminal(command) {
  let text = `$ ${command}\r\n`;
  let look = () => undefined;
  const { PATH = '', HOME = folder } = process.env;
  const terminal = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    cwd: folder,
    env: { PATH: `${folder}:${PATH}`, HOME, TERM: 'xterm-256color', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  terminal.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    look();
  });
  return {
    type: (keys) => terminal.stdin.write(keys),
    closed: new Promise((resolve) => terminal.once('close', resolve)),
    lines: () => text.split(/\r?\n/).filter((line) => line !== ''),
    shows: (wanted) =>
      new Promise((resolve) => {
        look = () => {
          if (text.includes(wanted)) resolve();
        };
        look();
      }),
  };
}

/** SGR codes that the log uses; the rest is drawn as plain text. */
function stylesAfter(codes, before) {
  const styles = new Set(before);
  const colours = { 31: 'red', 32: 'green', 33: 'yellow' };
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) styles.clear();
    if (code === 2) styles.add('dim');
    if (code === 22) styles.delete('dim');
    if (code === 39) for (const colour of Object.values(colours)) styles.delete(colour);
    if (code in colours) styles.add(colours[code]);
  }
  return styles;
}

/** A line as pieces of one style each, broken at the width of the terminal. */
function rows(line) {
  const wrapped = [[]];
  let styles = new Set();
  let column = 0;
  for (const [, codes, character] of line.matchAll(/\x1b\[([\d;]*)m|([^\x00-\x1f])/g)) {
    if (character === undefined) {
      styles = stylesAfter(codes, styles);
      continue;
    }
    if (column === columns) {
      wrapped.push([]);
      column = 0;
    }
    column += 1;
    const row = wrapped.at(-1);
    const style = [...styles].join(' ');
    const last = row.at(-1);
    if (last?.style === style) last.text += character;
    else row.push({ style, text: character });
  }
  return wrapped;
}

function drawn(screens) {
  const [cellWidth, cellHeight, edge, bar, gap] = [7.8, 19, 16, 30, 14];
  const width = Math.ceil(columns * cellWidth) + 2 * edge;
  const parts = [];
  let top = 0;
  for (const { title, lines } of screens) {
    const all = lines.flatMap(rows);
    const height = bar + all.length * cellHeight + edge;
    parts.push(`<rect y="${top}" width="${width}" height="${height}" rx="8" fill="#1b1f27"/>`);
    for (const [i, colour] of ['#e0605a', '#e0b04a', '#67b35c'].entries()) {
      parts.push(`<circle cx="${edge + 4 + i * 17}" cy="${top + 16}" r="5" fill="${colour}"/>`);
    }
    parts.push(`<text class="title" x="${width / 2}" y="${top + 20}">${escaped(title)}</text>`);
    for (const [i, row] of all.entries()) {
      const spans = row.map(({ style, text }) =>
        style === '' ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`,
      );
      const y = top + bar + (i + 0.8) * cellHeight;
      parts.push(`<text x="${edge}" y="${y.toFixed(1)}" xml:space="preserve">${spans.join('')}</text>`);
    }
    top += height + gap;
  }
  const height = top - gap;
  const plain = (row) => row.map(({ text }) => text).join('');
  const description = screens.flatMap(({ title, lines }) => [title, ...lines.flatMap(rows).map(plain)]);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>A hand-over between two candidates</title>
<desc>${escaped(description.join('\n'))}</desc>
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d7dce4; }
.title { fill: #8b93a1; text-anchor: middle; }
.dim { fill: #7f8794; }
.green { fill: #7ccf70; }
.yellow { fill: #e2be5f; }
.red { fill: #ef7b74; }
</style>
${parts.join('\n')}
</svg>
`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
