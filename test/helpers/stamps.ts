// The outside oracle of "never two at once". Decides, from what the commands themselves wrote down, when each of them
// lived and whether any two did so together; asks nobody who could be wrong about it (leader-run, the Lease).
// Three witnesses: stamps every 10 ms (stamped-child.mjs), a flock that lives as long as the command's last process,
// and a counter that nothing guards, of which two writers lose updates.
// To check: a missing witness is an error, never a pass; times are the machine's wall clock, good to about 2 ms.
import { spawnSync } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface CommandOptions {
  /** From SIGTERM to its end, in which it keeps on working. */
  readonly drainMs?: number;
  readonly ignoreTerm?: boolean;
  /** Ends by itself after this long, with `status`. */
  readonly runMs?: number;
  readonly status?: number;
  /** Starts a process in its group, and one in a session of its own. */
  readonly offspring?: boolean;
}

/** One command, from its first stamp to its last. */
export interface Life {
  readonly name: string;
  readonly pid: number;
  /** LEADER_RUN_TOKEN and LEADER_RUN_LOCK_UID; '-' where another elector started it. */
  readonly token: string;
  readonly uid: string;
  readonly startedAt: number;
  /** The last sign of life: its own end, or up to 10 ms before it was killed. */
  readonly lastSeen: number;
  /** It answers signals from now on; some 50 ms after its start. */
  readonly ready: boolean;
  /** It came to its own end. */
  readonly ended: boolean;
  readonly askedAt: number | undefined;
  readonly offspring: readonly number[];
}

export interface Verdict {
  readonly lives: number;
  /** 0: never two at once. */
  readonly worstOverlapMs: number;
  /** What the witnesses say against it, for people; empty: nothing. */
  readonly complaints: readonly string[];
}

export interface Stamps {
  /** What a candidate is given as its command; `name` goes into the stamps. */
  command(name: string, options?: CommandOptions): readonly string[];
  lives(): Promise<readonly Life[]>;
  /** Waits for the nth life (from 1) of that name to have begun and to answer signals. */
  started(name: string, nth?: number, withinMs?: number): Promise<Life>;
  verdict(): Promise<Verdict>;
}

const childFile = fileURLToPath(new URL('stamped-child.mjs', import.meta.url));

// The stamp of the start comes from the shell: Node needs some 40 ms to begin. The last process of the command that
// has inherited descriptor 9 gives the lock free.
const prelude = `
exec 9>>"$1/lock"
flock -n 9 || echo "$(date +%s%3N) clash $2 $$ -" >> "$1/stamps"
echo "$(date +%s%3N) start $2 $$ \${LEADER_RUN_TOKEN:--} \${LEADER_RUN_LOCK_UID:--}" >> "$1/stamps"
exec "$3" "$4" "$5"`;

export async function openStamps(folder: string): Promise<Stamps> {
  if (spawnSync('flock', ['--version']).error) throw new Error('flock (util-linux) is needed as a witness of these tests');
  const [file, beats] = [path.join(folder, 'stamps'), path.join(folder, 'beats')];
  await appendFile(file, '');
  await appendFile(beats, '');
  const readAll = async (): Promise<string> => (await readFile(file, 'utf8')) + (await readFile(beats, 'utf8'));
  await writeFile(path.join(folder, 'counter'), '0'.padEnd(16), { flag: 'a' });

  const stamps: Stamps = {
    command(name, { drainMs = 0, ignoreTerm = false, runMs, status = 0, offspring = false } = {}) {
      const options = { folder, name, drainMs, ignoreTerm, runMs, status, offspring };
      return ['sh', '-c', prelude, 'sh', folder, name, process.execPath, childFile, JSON.stringify(options)];
    },
    lives: async () => readLives(await readAll()).lives,
    async started(name, nth = 1, withinMs = 30_000) {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const text = await readFile(file, 'utf8');
        const its = (lives: readonly Life[]): Life | undefined => lives.filter((life) => life.name === name)[nth - 1];
        if (its(readLives(text).lives)?.ready === true) {
          const life = its(await stamps.lives());
          if (life !== undefined) return life;
        }
        if (performance.now() > deadline) {
          throw new Error(`the command of ${name} did not start (${nth}) within ${withinMs} ms:\n${text}`);
        }
        await sleep(5); // A step of polling; the condition is the stamp.
      }
    },
    verdict: async () => judge(await readAll()),
  };
  return stamps;
}

interface Draft extends Omit<Life, 'offspring'> {
  lastSeen: number;
  ready: boolean;
  ended: boolean;
  askedAt: number | undefined;
  readonly offspring: number[];
}

function readLives(text: string): { lives: readonly Life[]; counts: readonly number[]; clashes: readonly string[] } {
  const lives: Draft[] = [];
  const byPid = new Map<number, Draft>();
  const counts: number[] = [];
  const clashes: string[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    const [at = '', kind = '', name = '', pidText = '', value = '-', uid = '-'] = line.split(' ');
    const pid = Number(pidText);
    const time = Number(at);
    if (kind === 'clash') clashes.push(name);
    if (kind === 'start') {
      const life: Draft = {
        name, pid, token: value, uid, startedAt: time, lastSeen: time,
        ready: false, ended: false, askedAt: undefined, offspring: [],
      };
      lives.push(life);
      byPid.set(pid, life);
    }
    const life = byPid.get(pid);
    if (life === undefined) continue;
    life.lastSeen = Math.max(life.lastSeen, time);
    if (kind === 'beat') counts.push(Number(value));
    if (kind === 'asked') life.askedAt ??= time;
    if (kind === 'ready') life.ready = true;
    if (kind === 'end') life.ended = true;
    if (kind === 'offspring' || kind === 'escaped') life.offspring.push(Number(value));
  }
  return { lives, counts, clashes };
}

export function judge(text: string): Verdict {
  const { lives, counts, clashes } = readLives(text);
  const complaints = clashes.map((name) => `${name} began while another command, or something that it started, held the flock`);
  let worstOverlapMs = 0;
  for (const [index, one] of lives.entries()) {
    for (const other of lives.slice(index + 1)) {
      const overlap = Math.min(one.lastSeen, other.lastSeen) - Math.max(one.startedAt, other.startedAt);
      if (overlap <= 0) continue;
      worstOverlapMs = Math.max(worstOverlapMs, overlap);
      complaints.push(`the commands of ${one.name} (${one.pid}) and ${other.name} (${other.pid}) lived ${overlap} ms together`);
    }
    const before = lives[index - 1];
    if (before?.uid !== one.uid || before.uid === '-') continue;
    if (BigInt(before.token) >= BigInt(one.token)) complaints.push(`token ${one.token} of ${one.name} follows ${before.token} of ${before.name}`);
  }
  const lost = counts.findIndex((count, index) => index > 0 && count <= (counts[index - 1] ?? 0));
  if (lost > 0) complaints.push(`the counter lost an update: ${counts[lost] ?? ''} came after ${counts[lost - 1] ?? ''}`);
  return { lives: lives.length, worstOverlapMs, complaints };
}
