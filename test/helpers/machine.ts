// What this machine lacks for a test, as the reason that the skipped test gives. Decides nothing about the test.
// To check: each answer is a look at the machine, not at what it is called.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Why a program that a test needs cannot be had, if it cannot. */
export function missing(...programs: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  const absent = programs.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  return absent.length === 0 ? undefined : `${absent.join(' and ')} not installed here`;
}

/** Why this machine lets us make no namespaces or other roots, if it does not. */
export function notRoot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const { status } = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']);
  return status === 0 ? undefined : 'namespaces cannot be made here';
}
