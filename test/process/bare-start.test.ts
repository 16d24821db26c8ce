// leader-run beside a bare start: each way of starting and stopping a command is tried twice by one and the same shell,
// once as `COMMAND` and once as `leader-run --local ... -- COMMAND`, and what the command itself tells is compared.
// The outcomes are docs/bare-start.md, line for line; `WRITE_PAGE=1` in the environment makes that page anew.
// Decides which differences are meant and which are faults: `meant` and `fault` of a way, which must be there exactly
// where the two differ. Knows no reason inside leader-run.
// To check: a cell holds nothing of the machine (its folders, limits, groups), or the page would differ elsewhere.

import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test as plainTest } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import { longTiming } from '../helpers/leader-run.ts';
import { missing } from '../helpers/machine.ts';
import { isAlive, textOf } from '../helpers/procfs.ts';
import { untilDead } from '../helpers/wait.ts';

const page = new URL('../../docs/bare-start.md', import.meta.url);
const writes = process.env['WRITE_PAGE'] === '1';
/** A user that no machine has. */
const stranger = 54_321;

interface Way {
  /** Cells of the table, in Markdown; together they name the way. */
  readonly section: string;
  readonly name: string;
  /** Started in an empty folder: what that holds first. */
  readonly files?: (folder: string) => void;
  /** The shell's line; `"$@"` is the command, with leader-run in front or without. */
  readonly enter?: string;
  readonly command: readonly string[];
  /** Sent to what the shell has started, in this order, once the command is ready. */
  readonly signals?: readonly number[];
  /** The output as it is compared and shown. */
  readonly tell?: (output: string) => string;
  readonly needs?: readonly string[];
  readonly root?: true;
  /** Why leader-run differs on purpose, or what it does wrong today. */
  readonly meant?: string;
  readonly fault?: string;
}

interface Outcome {
  readonly output: string;
  /** As the parent shell sees it. */
  readonly status: number;
  /** Only leader-run can fail to. */
  readonly keepsLock: boolean;
}

// --- What the command tells ------------------------------------------------------------------------------------------

const printArguments = ['printf', '[%s]'];
const printEnvironment = ['cat', '/proc/self/environ'];
const printFolder = ['readlink', '/proc/self/cwd'];
/** Descriptors as `N -> where it leads`; those that the system hands out as numbers by kind alone. */
const paths = Array.from({ length: 24 }, (_, index) => `/proc/self/fd/${index}`);
const printDescriptors = ['sh', '-c', 'stat -c %N "$@"; :', 'sh', ...paths];

const statusLine = (...names: string[]): string[] => ['grep', '-E', `^(${names.join('|')}):`, '/proc/self/status'];

/** Says `ready` and its number, then the names of the signals that it gets; a SIGUSR2 (or the other) ends it. */
const catcher = (last: 'USR1' | 'USR2'): string[] => [
  'perl',
  '-e',
  `$| = 1; my $over = 0;
   for my $name (qw(${caught.join(' ')})) { $SIG{$name} = sub { print "$name " } }
   $SIG{${last}} = sub { $over = 1 };
   print "ready $$\\n"; sleep 1 until $over; exit 7`,
];
const caught = [
  ...['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'ALRM', 'WINCH', 'CONT', 'TSTP', 'TTIN', 'TTOU', 'URG', 'PWR'],
  ...['IO', 'PIPE', 'NUM35'],
];
const endsOfSignals = ['sh', '-c', 'echo "ready $$"; exec sleep 100'];

// --- How that is shown -----------------------------------------------------------------------------------------------

const byName = (name: string): number => constants.signals[name as NodeJS.Signals];

/** Without leader-run's own variables and the test's mark, in no order. */
function variables(output: string): string {
  const entries = output.split('\0').filter((entry) => entry !== '' && !entry.startsWith('LEADER_RUN_'));
  return entries.sort().join(' ; ');
}

function ownVariables(output: string): string {
  const names = output
    .split('\0')
    .flatMap((entry) => /^(LEADER_RUN_[A-Z_]+?)(?:_[0-9a-f]{16})?=/.exec(entry)?.[1] ?? []);
  return names.sort().join(' ');
}

/** `0 file 1 pipe`: pipes, sockets and terminals have numbers that say nothing. */
function descriptors(output: string): string {
  const each = [...output.matchAll(/fd\/(\d+)' -> '([^']*)'/g)].map(([, number, target = '']) => {
    const kind = /^(pipe|socket|anon_inode)/.exec(target)?.[1] ?? target.replace(/^.*\/(bare|leader)\.out$/, 'out');
    return `${number ?? ''} ${kind.replace(/^.*\/(bare|leader)\.err$/, 'err').replace('/folder/work/', '')}`;
  });
  return each.join(', ');
}

/** Names of the signals in a mask of /proc. */
function masks(output: string): string {
  const shown = [...output.matchAll(/^Sig(Ign|Blk):\s*(\S+)/gm)].map(([, kind, hex = '']) => {
    const mask = BigInt(`0x${hex}`);
    const names = Object.entries(constants.signals).filter(([, number]) => ((mask >> BigInt(number - 1)) & 1n) === 1n);
    const unique = new Set(names.map(([name]) => name.replace(/^SIG/, '')));
    for (const alias of ['IOT', 'POLL']) unique.delete(alias);
    return `${kind === 'Ign' ? 'ignored' : 'blocked'}: ${[...unique].join(' ') || 'none'}`;
  });
  return shown.join(', ');
}

const squeezed = (output: string): string => output.trim().replace(/\s+/g, ' ');
const sameAsTests = (file: string) => (output: string) =>
  output === textOf(file) ? 'as its parent' : 'other than its parent';
const lives = (output: string): string => (isAlive(Number(output)) ? 'lives on' : 'has ended');
/** What came after `ready`. */
const heard = (output: string): string => {
  const names = (output.split('\n')[1] ?? '').split(' ').filter((name) => name !== '');
  // SIGCONT is sent at the heels of another, and may come in the midst of that one's handler.
  const isLate = (name: string): number => Number(name === 'CONT');
  names.sort((a, b) => isLate(a) - isLate(b));
  return `caught ${names.join(' ').replace('NUM35', 'RTMIN+1') || 'nothing'}`;
};
const nothing = (): string => '';

/** As code of Markdown, in one line and short. */
function code(text: string): string {
  if (text.length > 200) {
    return `${text.length} bytes, sha256 ${createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 8)}`;
  }
  const bytes = Buffer.from(text, 'latin1');
  const utf8 = bytes.toString();
  const isUtf8 = Buffer.from(utf8).equals(bytes);
  const escaped = Array.from(isUtf8 ? utf8 : text, (each) => {
    const number = each.codePointAt(0) ?? 0;
    if (each === '\n') return '\\n';
    if (number < 0x20 || (number >= 0x7f && number < (isUtf8 ? 0xa0 : 0x100))) {
      return `\\x${number.toString(16).padStart(2, '0')}`;
    }
    return each === '|' ? '\\|' : each;
  });
  const fence = text.includes('`') ? '``' : '`';
  return `${fence}${escaped.join('')}${fence}`;
}

function cell({ output, status, keepsLock }: Outcome): string {
  const parts = [
    ...(output === '' ? [] : [code(output)]),
    ...(status === 0 && output !== '' ? [] : [`status ${status}`]),
    ...(keepsLock ? ['the lock is not given back'] : []),
  ];
  return parts.join(', ');
}

// --- The ways --------------------------------------------------------------------------------------------------------

type Rest = Omit<Way, 'section'>;
const section = (name: string, ways: readonly Rest[]): Way[] => ways.map((way) => ({ section: name, ...way }));

const args = (name: string, words: readonly string[], more: Partial<Rest> = {}): Rest => ({
  name,
  command: [...printArguments, ...words],
  ...more,
});

const file =
  (name: string, text: string | Buffer, mode = 0o755) =>
  (folder: string): void => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  };
const script = '#!/bin/sh\necho "ran as $# arguments"\n';

const env = (name: string, enter: string, more: Partial<Rest> = {}): Rest => ({
  name,
  command: printEnvironment,
  tell: variables,
  enter,
  ...more,
});

const asStranger = `setpriv --reuid ${stranger} --regid ${stranger} --clear-groups`;
/** A file of a processor that does not exist. */
const foreignProgram = Buffer.concat([
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...Array<number>(9).fill(0), 2, 0, 0xff, 0xff, 1, 0, 0, 0]),
  Buffer.alloc(200),
]);
const packageJson = (folder: string): void => {
  const text = JSON.stringify({ name: 'x', version: '1.0.0', scripts: { go: 'exec', say: 'echo said' } });
  writeFileSync(join(folder, 'package.json'), text);
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  file('node_modules/.bin/front', '#!/bin/sh\nexec "$@"\n')(folder);
};

const open = (from: number, to: number): string =>
  `${Array.from({ length: to - from + 1 }, (_, index) => `exec ${from + index}<secret`).join('; ')}; exec "$@"`;
const fds = (name: string, enter: string, more: Partial<Rest> = {}): Rest => ({
  name,
  enter,
  files: file('secret', 'x\n', 0o600),
  command: printDescriptors,
  tell: descriptors,
  ...more,
});
const run = (name: string, command: readonly string[], more: Partial<Rest> = {}): Rest => ({ name, command, ...more });
const behind = (name: string, enter: string, more: Partial<Rest> = {}): Rest => ({
  name,
  enter,
  command: ['sh', '-c', 'echo "ran $1"; exit 3', 'sh', 'a b'],
  ...more,
});

const lookups = section('the command', [
  run('by its path', ['/bin/echo', 'x']),
  run('by PATH', ['echo', 'x']),
  run('by a relative path', ['./tool', 'a', ''], { files: file('tool', script) }),
  run('by a path that has blanks', ['./my tool'], { files: file('my tool', script) }),
  run('by a name that looks like an assignment', ['./a=b'], { files: file('a=b', script) }),
  run('by a symlink', ['./link'], {
    files: (folder) => (file('tool', script)(folder), symlinkSync('tool', join(folder, 'link'))),
  }),
  run('by a symlink that leads nowhere', ['./link'], {
    files: (folder) => symlinkSync('nowhere', join(folder, 'link')),
  }),
  run('by a symlink that leads to itself', ['./link'], {
    files: (folder) => symlinkSync('link', join(folder, 'link')),
  }),
  run('a script without `#!`', ['./tool', 'x'], { files: file('tool', 'echo plain "$1"\n') }),
  run('a script whose `#!` ends with CR LF', ['./tool'], { files: file('tool', '#!/bin/sh\r\necho x\r\n') }),
  run('a script whose interpreter is not there', ['./tool'], { files: file('tool', '#!/no/such/thing\n') }),
  run('a folder', ['./tool'], { files: (folder) => mkdirSync(join(folder, 'tool')) }),
  run('a file that is not executable', ['./tool'], { files: file('tool', script, 0o644) }),
  run('an empty file', ['./tool'], { files: file('tool', '') }),
  run('a program for another processor', ['./tool'], { files: file('tool', foreignProgram), tell: nothing }),
  run('a name that is not in PATH', ['no-such-program-anywhere']),
  run('a path that is not there', ['./no-such-program']),
  run('the empty word', [''], { meant: 'leader-run refuses it before it takes the lock.' }),
  run('in the second folder of PATH, not executable in the first', ['tool'], {
    enter: 'PATH=$PWD/one:$PWD/two:$PATH exec "$@"',
    files: (folder) => {
      for (const each of ['one', 'two']) mkdirSync(join(folder, each));
      file('one/tool', script, 0o644)(folder);
      file('two/tool', script)(folder);
    },
  }),
  run('by PATH, which holds `.`', ['tool'], { enter: 'PATH=.:$PATH exec "$@"', files: file('tool', script) }),
  run('PATH is not set', ['echo', 'x'], { enter: 'exec env -u PATH "$@"' }),
]);

const argumentWays = section('arguments', [
  args('with blanks', ['a b', ' ', '\t', ' c ']),
  args('empty', ['', 'x', '']),
  args('with a newline', ['one\ntwo\n']),
  args('quotes and what shells expand', [`'"\`$(touch evil)\\`, '$HOME', '*', '~', ';', '&&', '!']),
  args('UTF-8', ['ä€😀']),
  args('not UTF-8', [], { enter: 'exec "$@" "$(printf "\\377\\376")"', meant: 'Node would change them, so they are refused before anything is locked.' }),
  args('`--` and options that leader-run has, too', ['--', '--lock', 'x', '-h', '--version']),
  args('one of 100 KB', ['x'.repeat(102_400)]),
  args(
    '5000 of them',
    Array.from({ length: 5000 }, (_, index) => `${index}`),
  ),
]);

const environments = section('environment', [
  env('what is added', 'exec env -i "$@"', {
    tell: ownVariables,
    meant: 'They tell the command its term, and leader-run its processes ([command.md](command.md)).',
  }),
  env('names that no shell variable has', `exec env -i a.b=1 'with space=2' 1st=3 c-d= "$@"`),
  env('a newline in a value', `exec env -i "A=$(printf 'one\\ntwo')" "$@"`),
  env('a newline in a value of a name that no shell variable has', `exec env -i "a.b=$(printf 'one\\ntwo')" "$@"`),
  env('an empty value', 'exec env -i A= "$@"'),
  env('PWD, OLDPWD, SHLVL, `_` and IFS that are odd', 'exec env -i PWD=/no OLDPWD=rel SHLVL=41 _=x IFS=ab "$@"'),
  env('PWD, OLDPWD, SHLVL, `_` and IFS that are not set', 'exec env -i "$@"', {
    tell: (output) => variables(output) || 'no variable',
  }),
  env('a value that is not UTF-8', `exec env -i "A=$(printf '\\377')" B=1 "$@"`, {
    meant: 'A limit: Node leaves out a value that is not UTF-8.',
  }),
  env('a value of 100 KB', `exec env -i "A=$(printf %0102400d 7)" "$@"`),
  env('an OLDPWD of 131,000 bytes', `exec env -i "OLDPWD=$(printf %0131000d 7)" "$@"`, {
    meant: 'The gate carries it in its text, which has an end; leader-run says so, and gives the lock back.',
  }),
  env('BASH_ENV, ENV and an exported function', `exec env -i ENV=./no BASH_ENV=./no 'BASH_FUNC_echo%%=() { :; }' "$@"`),
  env('NODE_ENV and NODE_OPTIONS', 'exec env -i NODE_ENV=production NODE_OPTIONS=--no-warnings "$@"'),
  env('`LEADER_RUN_TOKEN` and its like, set by the parent', 'exec env -i LEADER_RUN_TOKEN=7 "$@"', {
    tell: (output) => `LEADER_RUN_TOKEN ${/LEADER_RUN_TOKEN=7(\0|$)/.test(output) ? 'as given' : 'of the term'}`,
    meant: 'A nested leader-run tells its own term.',
  }),
  run('NODE_OPTIONS that load a file into the application', [process.execPath, '-e', '0'], {
    enter: 'NODE_OPTIONS="--require $PWD/preload.cjs" exec "$@"',
    files: file('preload.cjs', `process.stdout.write('loaded ')\n`),
    tell: squeezed,
    meant: 'A limit, and warned of: leader-run is a Node program.',
  }),
  run('NODE_OPTIONS that Node refuses', [process.execPath, '-e', '0'], { enter: 'NODE_OPTIONS=--nonsense exec "$@"' }),
  run('NOTIFY_SOCKET', ['sh', '-c', 'echo "$NOTIFY_SOCKET"'], { enter: 'NOTIFY_SOCKET=/run/none exec "$@"' }),
  run('LISTEN_PID', ['sh', '-c', `[ "$LISTEN_PID" = $$ ] && echo its own || echo "another's"`], {
    enter: 'LISTEN_FDS=1 LISTEN_PID=$BASHPID exec "$@"',
    meant: 'A limit, and warned of: the number is that of leader-run, and the sockets are not passed on.',
  }),
  run('WATCHDOG_PID', ['sh', '-c', `[ "$WATCHDOG_PID" = $$ ] && echo its own || echo "another's"`], {
    enter: 'WATCHDOG_USEC=9000000 WATCHDOG_PID=$BASHPID exec "$@"',
    meant: 'A limit, and warned of: the number is that of leader-run.',
  }),
]);

const folders = section('current folder', [
  run('plain', printFolder),
  run('by a symlink', ['sh', '-c', 'pwd -L; pwd -P'], {
    files: (folder) => (mkdirSync(join(folder, 'real')), symlinkSync('real', join(folder, 'link'))),
    enter: 'cd link; exec "$@"',
    tell: squeezed,
  }),
  run('of a name with a newline', printFolder, { enter: `mkdir $'a\\nb'; cd $'a\\nb'; exec "$@"` }),
  run('of a name that is not UTF-8', printFolder, {
    enter: `mkdir $'\\377'; cd $'\\377'; exec "$@"`,
  }),
  run('that its user may not enter by name', printFolder, {
    root: true,
    needs: ['setpriv'],
    enter: `mkdir -m 700 closed; cd closed; exec ${asStranger} "$@"`,
  }),
  run('that was removed', printFolder, {
    enter: 'mkdir gone; cd gone; rmdir ../gone; exec "$@"',
    meant: 'It is refused before anything is locked: Node does not start in a folder that is gone.',
  }),
]);

const inherited = section('inherited', [
  run('umask', statusLine('Umask'), { enter: 'umask 027; exec "$@"', tell: squeezed }),
  run('nice', ['nice'], {
    enter: 'exec nice -n 5 "$@"',
    tell: (output) => squeezed(output).replace(/\d+/, (it) => (Number(it) >= 5 ? '5 more' : it)),
  }),
  run('oom_score_adj', ['cat', '/proc/self/oom_score_adj'], { enter: 'echo 500 >/proc/self/oom_score_adj; exec "$@"' }),
  run('soft limit of open files', ['sh', '-c', 'ulimit -Sn; ulimit -Hn'], {
    enter: 'ulimit -Sn 500; ulimit -Hn 1000; exec "$@"',
    tell: squeezed,
    meant: 'A limit: Node raises the soft limit to the hard one, and does not tell what it was.',
  }),
  run('hard limit of open files', ['sh', '-c', 'ulimit -Sn; ulimit -Hn'], {
    enter: 'ulimit -n 500; exec "$@"',
    tell: squeezed,
  }),
  run('limits of file size, stack and CPU time', ['grep', '-E', '^Max (cpu|file size|stack)', '/proc/self/limits'], {
    enter: 'ulimit -f 200000; ulimit -s 4096; ulimit -t 600; exec "$@"',
    tell: squeezed,
  }),
  run('nothing ignored, nothing blocked', statusLine('SigIgn', 'SigBlk'), {
    enter: 'exec env --default-signal "$@"',
    tell: masks,
  }),
  run('`nohup`', statusLine('SigIgn', 'SigBlk'), {
    enter: 'exec nohup env --default-signal=PIPE "$@"',
    tell: masks,
    meant: 'A limit: Node resets SIGHUP as it starts.',
  }),
  run("`trap '' INT QUIT`, as behind `&` in a script", statusLine('SigIgn', 'SigBlk'), {
    enter: `trap '' INT QUIT; exec "$@"`,
    tell: masks,
    meant: 'A limit: Node resets ignored signals as it starts.',
  }),
  run("`trap '' PIPE`, as under Python", statusLine('SigIgn', 'SigBlk'), {
    enter: `trap '' PIPE; exec "$@"`,
    tell: masks,
    meant: 'A limit: Node resets it for what it starts.',
  }),
  run('a blocked signal', statusLine('SigIgn', 'SigBlk'), {
    enter: 'exec env --block-signal=USR1 "$@"',
    tell: masks,
    meant: 'A limit: Node unblocks all signals for what it starts.',
  }),
  run('supplementary groups', statusLine('Groups'), {
    root: true,
    needs: ['setpriv'],
    enter: 'exec setpriv --groups 4242,4343 "$@"',
    tell: squeezed,
  }),
  run('an ambient capability of another user', statusLine('CapAmb'), {
    root: true,
    needs: ['setpriv'],
    enter: `exec ${asStranger} --inh-caps +net_bind_service --ambient-caps +net_bind_service "$@"`,
    tell: squeezed,
  }),
  run('no_new_privs', statusLine('NoNewPrivs'), {
    needs: ['setpriv'],
    enter: 'exec setpriv --no-new-privs "$@"',
    tell: squeezed,
  }),
  run('cgroup', ['cat', '/proc/self/cgroup'], { tell: sameAsTests('/proc/self/cgroup') }),
  run('CPUs', statusLine('Cpus_allowed_list'), {
    needs: ['taskset'],
    enter: `exec taskset -c "$(taskset -cp $BASHPID | sed 's/.*: //; s/[-,].*//')" "$@"`,
    tell: (output) => (/\t\d+\n/.test(output) ? 'one CPU' : 'several CPUs'),
  }),
  run('scheduling class', ['sh', '-c', 'cut -d" " -f41 /proc/$$/stat'], {
    needs: ['chrt'],
    enter: 'exec chrt -b 0 "$@"',
    tell: squeezed,
  }),
  run('personality (`setarch -R`)', ['cat', '/proc/self/personality'], {
    needs: ['setarch'],
    enter: 'exec setarch -R "$@"',
    tell: squeezed,
  }),
  run('a user without a passwd entry and without HOME', ['sh', '-c', 'id -u; echo "${HOME-none}"'], {
    root: true,
    needs: ['setpriv'],
    enter: `exec env -u HOME ${asStranger} "$@"`,
    tell: squeezed,
  }),
  run('process group', ['perl', '-e', 'print getpgrp == $$ ? "leads one" : "in another"'], { needs: ['perl'] }),
  run(
    'session',
    ['sh', '-c', '[ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ] && echo "leads one" || echo "its parent\'s"'],
    {
      tell: squeezed,
      meant: 'The terminal sends nothing by itself, and a kill reaches the session.',
    },
  ),
]);

const pythonTerminal = `exec python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@"`;

/** Of the shell's own, which opens the file after each look. */
const openOnes = 'for each in 0 1 2; do [ -e /proc/$$/fd/$each ] && echo $each >>told; done; :';

const onlyThree = 'The command gets 0, 1 and 2, and no others.';

const streams = section('descriptors', [
  fds('only 0, 1 and 2', 'exec "$@"'),
  fds('3', open(3, 3), { meant: onlyThree }),
  fds('4 to 9', open(4, 9), { meant: onlyThree }),
  fds('12 to 16', open(12, 16), { meant: onlyThree }),
  fds('17 to 20', open(17, 20), { meant: onlyThree }),
  run('stdin is a file that was partly read', ['cat'], {
    files: file('text', 'one\ntwo\n'),
    enter: 'exec <text; read -r line; exec "$@"',
  }),
  run('stdin is a pipe', ['sh', '-c', 'cat; echo; grep flags /proc/$$/fdinfo/0'], {
    enter: 'set -o pipefail; printf "a\\0b" | "$@"',
    tell: squeezed,
  }),
  run('stdin is /dev/null', ['sh', '-c', 'cat; readlink /proc/$$/fd/0'], { tell: squeezed }),
  fds('stdin is closed', 'exec "$@" <&-', {
    meant: 'Node opens /dev/null for it, as the C library does for a setuid program.',
  }),
  run(
    'stdin, stdout and stderr are a terminal',
    ['sh', '-c', 'for each in 0 1 2; do test -t $each && echo $each; done'],
    {
      needs: ['python3'],
      enter: pythonTerminal,
      tell: (output) => squeezed(output.replace(/^\{.*$/gm, '').replace(/^.*leader-run.*$/gm, '')),
    },
  ),
  run(
    'the controlling terminal (`/dev/tty`)',
    ['sh', '-c', '(: </dev/tty) 2>/dev/null && echo opens || echo "is not there"'],
    {
      needs: ['python3'],
      enter: pythonTerminal,
      tell: (output) => /^(opens|is not there)/m.exec(output)?.[0] ?? output,
      meant: 'The command has a session of its own; it reads what is typed through stdin.',
    },
  ),
  run('stdout is a pipe', ['sh', '-c', 'grep flags /proc/$$/fdinfo/1'], {
    enter: 'set -o pipefail; "$@" | cat',
    tell: squeezed,
  }),
  run('stdout is a pipe whose reader goes away', ['yes'], {
    enter: 'set -o pipefail; "$@" | head -n 1',
  }),
  run('stdout is closed: which of 0, 1 and 2 are open', ['sh', '-c', openOnes], {
    enter: '"$@" >&-; cat told',
    tell: squeezed,
    meant: 'Node opens /dev/null for it.',
  }),
  fds('stderr is closed', 'exec "$@" 2>&-', { meant: 'Node opens /dev/null for it.' }),
  run('stdout is appended to a file', ['sh', '-c', 'grep flags /proc/$$/fdinfo/1'], {
    enter: '"$@" >>log; cat log',
    tell: squeezed,
  }),
]);

const wrappers = section('behind another program', [
  behind('`sh -c`', `exec sh -c '"$@"' sh "$@"`),
  behind('`npm run`', 'exec npm run --silent go -- "$@"', { needs: ['npm'], files: packageJson }),
  behind('`npm exec`', 'exec npm exec --offline -- front "$@"', { needs: ['npm'], files: packageJson }),
  behind('`env -i`', 'exec env -i "$@"'),
  behind('`setsid --wait`', 'exec setsid --wait "$@"', { needs: ['setsid'] }),
  behind('`nice`', 'exec nice "$@"'),
  behind('`timeout`', 'exec timeout 60 "$@"', { needs: ['timeout'] }),
  behind('`tini -s --`', 'exec tini -s -- "$@"', { needs: ['tini'] }),
  behind('`busybox sh`', `exec busybox sh -c '"$@"; exit $?' sh "$@"`, { needs: ['busybox'] }),
  behind('`xargs`', 'printf "c d" | xargs "$@"', { needs: ['xargs'] }),
  behind('`flock`', 'exec flock lock "$@"', { needs: ['flock'] }),
  behind('`stdbuf`', 'exec stdbuf -oL "$@"', { needs: ['stdbuf'] }),
]);

const wrapped = section('in front of another program', [
  run('`sh -c`', ['sh', '-c', 'echo "$0 $1"; exit 3', 'a', 'b']),
  run('`npm run`', ['npm', 'run', '--silent', 'say'], { needs: ['npm'], files: packageJson }),
  run('`npm exec`', ['npm', 'exec', '--offline', '--', 'front', 'echo', 'x'], { needs: ['npm'], files: packageJson }),
  run('`env -i`', ['env', '-i', 'A=1', '/bin/cat', '/proc/self/environ']),
  run('`setsid --wait`', ['setsid', '--wait', 'sh', '-c', 'echo x; exit 3'], { needs: ['setsid'] }),
  run('`timeout`', ['timeout', '60', 'sh', '-c', 'echo x; exit 3'], { needs: ['timeout'] }),
  run('`timeout` that ends it', ['timeout', '0.2', 'sleep', '60'], { needs: ['timeout'] }),
  run('`tini -s --`', ['tini', '-s', '--', 'sh', '-c', 'echo x; exit 3'], { needs: ['tini'] }),
  run('`busybox`', ['busybox', 'sh', '-c', 'echo x; exit 3'], { needs: ['busybox'] }),
]);

const ends = section('the end', [
  ...[0, 1, 125, 126, 127, 128, 143, 255].map((status) => run(`exit ${status}`, ['sh', '-c', `exit ${status}`])),
  ...['TERM', 'INT', 'HUP', 'KILL', 'SEGV', 'ABRT', 'PIPE', 'USR1'].map((name) =>
    run(`dies of SIG${name}`, ['sh', '-c', `kill -${name} $$`]),
  ),
  run('dies of a real-time signal (RTMIN+1)', ['sh', '-c', 'kill -35 $$'], { meant: 'A limit: Node does not tell of what the command died.' }),
  run('dies of SIGTERM, as waitpid tells it', ['sh', '-c', 'kill -TERM $$'], {
    needs: ['perl'],
    enter: `exec perl -e 'system @ARGV; print "signal ", $? & 127, ", status ", $? >> 8' "$@"`,
    meant: 'leader-run outlives the command, to give the lock back, and its status is that of a shell.',
  }),
  run('leaves a process behind', ['sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!'], {
    tell: lives,
    meant: 'Nothing of the command may run when the lock is given back.',
  }),
]);

const isOwn = ['TERM', 'INT'];
const stopMeant = 'SIGCONT goes with it: a stopped command could not hear it.';
const deadly = 'A limit: Node cannot catch it, so leader-run dies of it, and the guardian ends the command.';
const judged: Readonly<Record<string, Pick<Rest, 'meant' | 'fault'>>> = {
  PIPE: { meant: "It is of a pipe of leader-run's own, as of a log that is not read." },
  ...Object.fromEntries(isOwn.map((name) => [name, { meant: stopMeant }])),
  NUM35: { meant: deadly },
};

/** Its child is of its group, and tells apart whom a signal reached. */
const familyOfTwo = `$| = 1; my ($boss, $over) = ($$, 0);
$SIG{TERM} = sub { print $$ == $boss ? "itself " : "its-child " }; $SIG{USR2} = sub { $over = 1 };
my $kid = fork; print "ready $$\n" if $kid; sleep 1 until $over || ($$ != $boss && getppid != $boss); exit 7`;

const received = section('a signal that is caught', [
  ...caught.map((name) =>
    run(`SIG${name.replace('NUM35', 'RTMIN+1')}`, catcher(name === 'USR2' ? 'USR1' : 'USR2'), {
      needs: ['perl'],
      signals: [name === 'NUM35' ? 35 : byName(`SIG${name}`)],
      tell: heard,
      ...judged[name],
    }),
  ),
  ...isOwn.map((name) =>
    run(`SIG${name} twice`, catcher('USR2'), {
      needs: ['perl'],
      signals: [byName(`SIG${name}`), byName(`SIG${name}`)],
      tell: heard,
      meant: stopMeant,
    }),
  ),
  run('SIGTERM, by a command that has a child', ['perl', '-e', familyOfTwo], {
    needs: ['perl'],
    signals: [byName('SIGTERM')],
    tell: (output) => heard(output).split(' ').sort().join(' '),
    meant: 'leader-run tells the whole group, so that a shell in front of the work keeps nothing from it.',
  }),
  run('SIGKILL', catcher('USR2'), {
    needs: ['perl'],
    signals: [byName('SIGKILL')],
    tell: heard,
    meant: 'The guardian ends the command, and the lock runs out: a process that was killed cannot give it back.',
  }),
]);

const fatal = section('a signal that is not caught', [
  ...['TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'ALRM', 'PIPE', 'PWR', 'IO'].map((name) =>
    run(`SIG${name}`, endsOfSignals, {
      signals: [byName(`SIG${name}`)],
      tell: nothing,
      ...(isOwn.includes(name) ? {} : judged[name]),
    }),
  ),
  run('SIGRTMIN+1', endsOfSignals, { signals: [35], tell: nothing, meant: deadly }),
]);

const ways: readonly Way[] = [
  ...lookups,
  ...argumentWays,
  ...environments,
  ...folders,
  ...inherited,
  ...streams,
  ...wrappers,
  ...wrapped,
  ...ends,
  ...received,
  ...fatal,
];

// --- One start -------------------------------------------------------------------------------------------------------

/**
 * Job control gives the command a group of its own; a session of its own keeps the terminal of the tests out of it.
 * A file, since `bash -c` does not go on behind a command that died of SIGINT. In the foreground,
 * since `wait -f` of bash 5.2 now and then does not end.
 */
const parentShell = `
label=$1 enter=$2; shift 2
cd work || exit; ulimit -c 0; set -m; trap : INT
( echo $BASHPID >../$label.pid; eval "$enter" ) >../$label.out 2>../$label.err </dev/null
echo $? >../$label.status
`;

async function start(arena: Arena, way: Way, label: 'bare' | 'leader'): Promise<Outcome> {
  const { folder } = arena;
  const work = join(folder, 'work');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  way.files?.(work);
  writeFileSync(join(folder, 'parent'), parentShell);
  const words = label === 'bare' ? way.command : leaderWords(arena, way.command);
  const shell = ['setsid', '--wait', 'env', '-C', folder, 'bash', 'parent', label, way.enter ?? 'exec "$@"'];
  const parent = arena.spawn([...shell, ...words], { stdio: 'ignore' });
  const read = (kind: string): string => textOf(join(folder, `${label}.${kind}`));
  if (way.signals) await send(arena, way, way.signals, read);
  await parent.end();
  const raw = read('out');
  const command = /^ready (\d+)\n/.exec(raw)?.[1];
  // Of a leader-run that died the guardian ends the command.
  if (command !== undefined) await untilDead([Number(command)]);
  const text = read('out').replaceAll(folder, '/folder');
  const output = (way.tell ?? ((it: string) => it.replace(/\n$/, '')))(text);
  const status = Number(read('status') || 'NaN');
  if (Number.isNaN(status)) throw new Error(`The shell told no status.\n${parent.text()}`);
  const keepsLock = label === 'leader' && !arena.isFree();
  const goesOn = way.command === endsOfSignals && status === 128 + lastOf(way);
  return goesOn ? { output: 'goes on', status: 0, keepsLock } : { output, status, keepsLock };
}

/** The signal that ends what is there to be sent signals. */
function lastOf({ signals }: Way): number {
  return signals?.includes(byName('SIGUSR2')) ? byName('SIGUSR1') : byName('SIGUSR2');
}

function leaderWords(arena: Arena, command: readonly string[]): string[] {
  return [process.execPath, ...arena.words({ command, timing: longTiming })];
}

/** Then the last one, once what was sent before is no longer on its way. */
async function send(arena: Arena, way: Way, signals: readonly number[], read: (kind: string) => string): Promise<void> {
  await arena.until('the command to be ready', () => /^ready \d+\n/.test(read('out')));
  // Never 0, which would be the test's own process group.
  const pid = await arena.until('the number of what the shell started', () => Number(read('pid')) || undefined);
  for (const [index, signal] of signals.entries()) {
    process.kill(pid, signal);
    await arena.until('the signal to be received', () => !isAlive(pid) || !isPending(pid, signal));
    // Two of one kind that are on their way together are one.
    const name =
      Object.entries(constants.signals)
        .find(([, number]) => number === signal)?.[0]
        .slice(3) ?? '';
    const isHeard = (): boolean =>
      read('out')
        .split(/\s/)
        .filter((word) => word === name).length > index;
    if (signals.length > 1) await arena.until('the signal to be heard', () => !isAlive(pid) || isHeard());
  }
  if (isAlive(pid)) process.kill(pid, lastOf(way));
}

function isPending(pid: number, signal: number): boolean {
  const masks = [...textOf(`/proc/${pid}/status`).matchAll(/^(?:Sig|Shd)Pnd:\s*(\S+)/gm)];
  return masks.some(([, hex = '']) => ((BigInt(`0x${hex}`) >> BigInt(signal - 1)) & 1n) === 1n);
}

/** What another user needs of the arena: to come in, to read the program, to keep a store. */
function openTo(arena: Arena, user: number): void {
  for (const folder of [arena.folder, arena.bundle]) chmodSync(folder, 0o755);
  for (const name of ['store', 'versions']) chownSync(join(arena.folder, name), user, user);
}

// --- The page --------------------------------------------------------------------------------------------------------

const title = ({ section: its, name }: Way): string => `| ${its}: ${name} |`;

function line(way: Way, bare: Outcome, leader: Outcome): string {
  const [ofBare, ofLeader] = [cell(bare), cell(leader)];
  const isSame = ofBare === ofLeader;
  const verdict = isSame
    ? ''
    : way.meant !== undefined
      ? `meant: ${way.meant}`
      : `**fault**: ${way.fault ?? 'not judged'}`;
  return `${title(way)} ${ofBare} | ${isSame ? 'the same' : ofLeader} | ${verdict} |`.replaceAll('  |', ' |');
}

const above = `# Beside a bare start

leader-run starts a command as it stands, and ends as the command ends. This page holds it beside a bare start: the same
shell starts the same command in the same way, once as \`COMMAND\` and once as \`leader-run ... -- COMMAND\`.
The command itself tells what it got. The shell tells the status.

A difference is meant, and then one clause says why, or it is a fault of leader-run.

A test run makes this page and fails where it has become wrong:

\`\`\`sh
WRITE_PAGE=1 npx vitest run --project process test/process/bare-start.test.ts
\`\`\`

`;
const head = '| way | a bare start | leader-run | where they differ |\n| --- | --- | --- | --- |\n';

const pageText = (lines: readonly string[]): string => `${above}${head}${lines.map((each) => `${each}\n`).join('')}`;
const written = writes ? '' : readFileSync(page, 'utf8');
const writtenLines = written
  .split('\n')
  .filter((each) => each.startsWith('| '))
  .slice(2);

const lines = new Map<Way, string>();

function judge(way: Way, bare: Outcome, leader: Outcome): string {
  const differs = cell(bare) !== cell(leader);
  const isJudged = way.meant !== undefined || way.fault !== undefined;
  if (differs === isJudged) return '';
  return differs
    ? 'differs, and is not judged: give it `meant` or `fault`'
    : 'differs no more: take away its `fault` or `meant`';
}

describe.concurrent('beside a bare start', () => {
  test.for(ways.map((way) => ({ way, title: title(way) })))('$title', async ({ way }, { arena, expect, skip }) => {
    const lacking =
      missing('bash', 'setsid', ...(way.needs ?? [])) ??
      (way.root && process.getuid?.() !== 0 ? 'needs root' : undefined);
    if (lacking !== undefined) return skip(lacking);
    if (way.root) openTo(arena, (way.enter ?? '').includes('--reuid') ? stranger : 0);
    const bare = await start(arena, way, 'bare');
    const leader = await start(arena, way, 'leader');
    const its = line(way, bare, leader);
    lines.set(way, its);
    if (!writes) expect(its).toBe(writtenLines.find((each) => each.startsWith(title(way))) ?? 'no line of the page');
    expect(judge(way, bare, leader)).toBe('');
  });
});

describe('docs/bare-start.md', () => {
  plainTest('has a line for each way, of which there are at least forty, and no other', () => {
    expect(new Set(ways.map(title)).size).toBe(ways.length);
    expect(ways.length).toBeGreaterThanOrEqual(40);
    if (writes) return;
    expect(writtenLines.map((each) => ways.map(title).find((its) => each.startsWith(its)))).toEqual(ways.map(title));
    expect(written).toBe(pageText(writtenLines));
  });
});

afterAll(() => {
  if (!writes) return;
  const unknown = ways.filter((way) => !lines.has(way)).map(title);
  if (unknown.length > 0)
    throw new Error(`The page was not written, since these ways were not tried: ${unknown.join(' ')}`);
  writeFileSync(page, pageText(ways.map((way) => lines.get(way) ?? '')));
});
