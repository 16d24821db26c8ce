// What it decides: where the client-go candidates are built from for interop and bench, and how they are called.
// What it does not know: their flags (main.go) and who runs them.
// To check: the first call may take a minute (GoToolMissing without Go), so tests call it in a hook with time enough.
import { fileURLToPath } from 'node:url';
import { goTool } from './go-tool.ts';

const dir = fileURLToPath(new URL('../interop/client-go', import.meta.url));

export async function clientGoElector(): Promise<string> {
  return await goTool({ dir, package: '.', name: 'client-go-elector' });
}

/** Of v0.20, which knows all kinds of locks. */
export async function oldClientGoElector(): Promise<string> {
  return await goTool({ dir, package: '.', name: 'client-go-0.20-elector', modfile: 'v0.20.mod' });
}
