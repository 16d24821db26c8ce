// A machine that is a folder: processes with names, parents and orders of birth that nobody can bring about at will,
// which die of SIGKILL unless they are said to be immortal, and may leave heirs. Under it runs a real guardian of any
// kind, whose signals are written down. Knows no leader-run and no test.
// To check: no process has so large a number as those in here (PID_MAX_LIMIT), so that no signal could hit one.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newCookie } from '../../src/child/environment.ts';
import { guardianScript } from '../../src/child/guardian/script.ts';
import type { Arena } from './arena.ts';
import type { Run } from './leader-run.ts';
import { missing } from './machine.ts';
import { textOf } from './procfs.ts';

export type GuardianKind = 'bash' | 'busybox' | 'node';

/** The smallest pid in here. */
export const firstPid = 5_000_000;

export interface MadeUp {
  readonly pid: number;
  readonly name?: string;
  readonly parent?: number;
  readonly group?: number;
  readonly session?: number;
  /** Carries the command's cookie. */
  readonly carries?: boolean;
  /** SIGKILL does not end it, as in uninterruptible sleep. */
  readonly immortal?: boolean;
  /** SIGTERM ends it as well. */
  readonly obeys?: boolean;
  /** In clock ticks since the machine started; the command's is 1000. */
  readonly start?: number;
  /** Who is there, or is there otherwise, from its end on. */
  readonly heirs?: readonly MadeUp[];
}

/** What a signal does: it is written down, and ends whoever it is for and who ends of it. */
const signalScript = `
cd "\${0%/*}"
read -r uptime rest < uptime
echo "$1 $2" >> signals
echo "$uptime" >> times
for dir in [0-9]*; do
  read -r group < "$dir/group"
  [ "$dir" = "$2" ] || [ "-$group" = "$2" ] || continue
  [ -e "$dir/ends-of-$1" ] || continue
  mv "$dir" "dead-$dir"
  for heir in "dead-$dir/heirs"/*; do
    [ ! -e "$heir" ] || [ -e "dead-\${heir##*/}" ] || cp -r "$heir" .
  done
done
`;

/** Before the guardian's text; \`kill\` is a shell's own word, and a function comes first. */
const prelude = (folder: string): string => `
kill() {
  signal=\${1#-}
  shift
  [ "$1" != -- ] || shift
  sh '${folder}/signal' "$signal" "$1"
}
`;

export class MadeUpMachine {
  readonly folder: string;
  readonly #arena: Arena;
  readonly #cookie = newCookie();
  readonly #ticking: NodeJS.Timeout;
  #seconds: () => number = () => Number.parseFloat(textOf('/proc/uptime'));

  constructor(arena: Arena) {
    this.#arena = arena;
    this.folder = join(arena.folder, 'proc');
    mkdirSync(this.folder);
    writeFileSync(join(this.folder, 'signal'), signalScript);
    writeFileSync(join(this.folder, 'uptime'), '');
    this.#tick();
    this.#ticking = setInterval(() => {
      this.#tick();
    }, 10);
    writeFileSync(join(this.folder, 'stat'), 'processes 0\n');
  }

  put(made: MadeUp, below = this.folder): void {
    const { pid, name = 'sleep', parent = 1, group = pid, session = group, start = 1000 } = made;
    const folder = join(below, String(pid));
    mkdirSync(folder, { recursive: true });
    const more = Array<number>(15).fill(0).join(' ');
    writeFileSync(join(folder, 'stat'), `${pid} (${name}) S ${parent} ${group} ${session} ${more} ${start} 0 0\n`);
    writeFileSync(join(folder, 'environ'), made.carries === true ? `A=1\0${this.#cookie}=1\0` : 'A=1\0');
    writeFileSync(join(folder, 'group'), `${group}\n`);
    if (made.immortal !== true) writeFileSync(join(folder, 'ends-of-KILL'), '');
    if (made.obeys === true) writeFileSync(join(folder, 'ends-of-TERM'), '');
    for (const heir of made.heirs ?? []) this.put(heir, join(folder, 'heirs'));
  }

  /** From now on the guardian sees no process: /proc does not show it itself, or no descriptor is left. */
  blind(guardian: Run): void {
    rmSync(join(this.folder, String(guardian.pid)), { recursive: true });
    writeFileSync(join(this.folder, 'blind'), '');
  }

  /** Each as `KILL 5000000`, in their order. */
  get signals(): string[] {
    return textOf(join(this.folder, 'signals')).split('\n').filter(Boolean);
  }

  /** The instants of these, in seconds of this machine. */
  get times(): number[] {
    return textOf(join(this.folder, 'times')).split('\n').filter(Boolean).map(Number);
  }

  isAlive(pid: number): boolean {
    return textOf(join(this.folder, String(pid), 'stat')) !== '';
  }

  /** Boot time in the unit of the guardian's lines. */
  get centiseconds(): number {
    return Math.floor(this.#seconds() * 100);
  }

  /** From now on time stands still, at the second that is given. */
  freezeAt(seconds: number): void {
    this.#seconds = () => seconds;
    this.#tick();
  }

  /** There is no time to be read any more. */
  breakClock(): void {
    clearInterval(this.#ticking);
    writeFileSync(join(this.folder, 'uptime'), '');
  }

  close(): void {
    clearInterval(this.#ticking);
    rmSync(this.folder, { recursive: true });
  }

  /** As leader-run starts it, once it says that it is ready; the machine shows it, being older than the command. */
  async guardian(kind: GuardianKind): Promise<Run> {
    const env = { MADE_UP_PROC: this.folder, BASH_VERSION: 'assumed' };
    const hook = fileURLToPath(new URL('made-up-proc.mjs', import.meta.url));
    const text = prelude(this.folder) + guardianScript.replaceAll('/proc/', `${this.folder}/`);
    const shells = { bash: ['bash', '--norc', '-p'], busybox: ['busybox', 'sh'] };
    const words =
      kind === 'node'
        ? [process.execPath, '--import', hook, join(this.#arena.bundle, 'dist/guardian-node.js'), this.#cookie]
        : [...shells[kind], '-c', text, 'leader-run-guardian', this.#cookie];
    const run = this.#arena.spawn(words, { stdio: 'pipe', env });
    await run.says('R\n');
    this.put({ pid: run.pid, start: 1 });
    return run;
  }

  /** Always of one length, so that no reader meets half of one. */
  #tick(): void {
    writeFileSync(join(this.folder, 'uptime'), `${this.#seconds().toFixed(2)} 0.00`.padEnd(24) + '\n', { flag: 'r+' });
  }
}

/** Why a guardian of this kind cannot be had here, if it cannot. */
export function lacks(kind: GuardianKind): string | undefined {
  return kind === 'node' ? undefined : missing(kind);
}
