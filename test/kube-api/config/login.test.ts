// Credential plugins that have a person to talk to: what the person sees, which terminal the plugin may read, and what
// is left of it when leader-run ends. Each test runs the plugin's code in a process of its own, most under `script`,
// which gives that process a terminal.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
/** How long a busy machine may take. */
const soon = { timeout: 10_000 };
const apiVersion = 'client.authentication.k8s.io/v1';
let base: string;
let folder: string;
const started: ChildProcess[] = [];

beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'leader-run-login-'));
  // Asks for credentials twice, the second time as after a 401, and prints both; `leave` ends it while it waits.
  const program = `
    import { existsSync } from 'node:fs';
    import { systemClock } from './src/clock.ts';
    import { execPlugin } from './src/kube-api/config/exec-plugin.ts';
    const [spec, options, leave] = process.argv.slice(2);
    const clock = systemClock();
    let ahead = 0;
    const now = () => { const t = clock.now(); return { mono: t.mono + ahead, boot: t.boot + ahead, wall: t.wall }; };
    const authorize = execPlugin(JSON.parse(spec), { ...clock, now }, process.env, JSON.parse(options));
    if (leave) setInterval(() => { if (existsSync(leave)) process.exit(0); }, 20);
    const show = async () => {
      const { headers } = await authorize(true, new AbortController().signal);
      process.stdout.write('GOT ' + headers.authorization + '\\n');
    };
    show().then(() => { ahead = 3600000; return show(); }).then(
      () => process.exit(0),
      (error) => { process.stdout.write('ERROR ' + error.message + '\\n'); process.exit(1); },
    );`;
  buildSync({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: path.join(base, 'login.cjs'),
  });
});
beforeEach(() => {
  folder = mkdtempSync(path.join(base, 'test-'));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

interface Given {
  readonly terminal?: boolean;
  readonly mode?: string;
  readonly options?: object;
  readonly leave?: string;
  /** A shell's way to start the program, as `&` would. */
  readonly how?: (program: string) => string;
}

interface Started {
  readonly child: ChildProcess;
  readonly seen: () => { out: string; err: string };
  readonly end: Promise<{ out: string; err: string }>;
}

function login(script: string, given: Given = {}): Started {
  const { terminal = false, mode = 'IfAvailable', options = {}, leave = '', how = (program: string) => program } = given;
  const command = path.join(folder, 'plugin');
  writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const spec = JSON.stringify({ command, args: [], env: {}, apiVersion, interactiveMode: mode });
  const words = [process.execPath, path.join(base, 'login.cjs'), spec, JSON.stringify(options), leave];
  const line = how(words.map((word) => `'${word}'`).join(' '));
  const child = terminal
    ? spawn('script', ['-qec', line, '/dev/null'], { stdio: 'pipe', env: { ...process.env, SHELL: '/bin/sh' } })
    : spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const seen = { out: '', err: '' };
  child.stdout.on('data', (text: Buffer) => (seen.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (seen.err += text.toString()));
  return {
    child,
    seen: () => seen,
    end: new Promise((resolve) => {
      child.once('close', () => {
        resolve(seen);
      });
    }),
  };
}

function credential(token: string): string {
  return `printf '{"kind":"ExecCredential","apiVersion":"${apiVersion}","status":{"token":"%s"}}' "${token}"`;
}

/** Where nobody reaps, an orphan that has ended stays as a zombie. */
function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return true;
  }
}

const counted = `printf x >> "$(dirname "$0")/runs"; n=$(wc -c < "$(dirname "$0")/runs" | tr -d " ")`;

test('what a plugin tells is shown as it comes, until there have been credentials', async () => {
  const go = path.join(folder, 'go');
  const { seen, end } = login(
    `${counted}\necho "your code is ABC-$n" >&2\nuntil [ -e ${go} ]; do sleep 0.02; done\n${credential('run-$n')}`,
  );
  await vi.waitFor(() => {
    expect(seen().err).toBe('your code is ABC-1\n');
  }, soon);
  writeFileSync(go, '');
  expect(await end).toEqual({ out: 'GOT Bearer run-1\nGOT Bearer run-2\n', err: 'your code is ABC-1\n' });
});

test('a plugin may ask at the terminal, for as long as the person needs', async () => {
  const script = `printf "password: " >&2; read -r word < /dev/tty; [ "$word" = open ] || exit 1\n${credential('for-$word')}`;
  const { child, seen, end } = login(script, { terminal: true, options: { limitMs: 1 } });
  await vi.waitFor(() => {
    expect(seen().out).toContain('password: ');
  }, soon);
  child.stdin?.write('open\n');
  // The second time the terminal belongs to the command, and the limit holds.
  expect((await end).out).toMatch(/GOT Bearer for-open\r\nERROR .* gave no answer in time and was killed/);
});

test('a plugin that reads stdin has the terminal there at the first login', async () => {
  const { child, seen, end } = login(`${counted}\nif [ -t 0 ]; then printf "code? "  >&2; read -r word; fi\n${credential('$n$word')}`, {
    terminal: true,
  });
  await vi.waitFor(() => {
    expect(seen().out).toContain('code? ');
  }, soon);
  child.stdin?.write('abc\n');
  expect((await end).out).toContain('GOT Bearer 1abc\r\nGOT Bearer 2\r\n');
});

test('in the background of a terminal nobody is asked, and nothing is stopped by asking', async () => {
  // With job control, as in a shell that people type into, a job in the background is a group of its own.
  const { end } = login(`if [ -t 0 ]; then read -r word; fi\n${credential('unasked')}`, {
    terminal: true,
    how: (program) => `set -m; ${program} & wait`,
  });
  expect((await end).out).toContain('GOT Bearer unasked\r\nGOT Bearer unasked');
});

test.each([false, true])('a plugin is ended with leader-run (terminal: %s)', async (terminal) => {
  const [pid, leave] = [path.join(folder, 'pid'), path.join(folder, 'leave')];
  const script = terminal ? `echo $$ > ${pid}; exec sleep 600` : `sleep 600 & echo $$ $! > ${pid}; exec sleep 600`;
  const { end } = login(script, { terminal, leave });
  await vi.waitFor(() => {
    expect(existsSync(pid) ? readFileSync(pid, 'utf8') : '').toMatch(/\n/);
  }, soon);
  writeFileSync(leave, '');
  await end;
  for (const one of readFileSync(pid, 'utf8').trim().split(' ')) {
    await vi.waitFor(() => {
      expect(hasEnded(Number(one))).toBe(true);
    }, soon);
  }
});

test('Ctrl-C at the terminal ends a login', async () => {
  const { child, seen, end } = login(`printf "password: " >&2; read -r word < /dev/tty`, { terminal: true });
  await vi.waitFor(() => {
    expect(seen().out).toContain('password: ');
  }, soon);
  child.stdin?.write('\u0003');
  await end;
});
