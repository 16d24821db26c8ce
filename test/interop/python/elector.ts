// What it decides: how the Python candidate of this folder is installed, and the program that starts it.
// What it does not know: its flags (peer.py) and who runs it.
// To check: the cache's key covers what is installed and the Python that it is installed for.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, keyOf, runTool } from '../../helpers/go-tool.ts';

const dir = fileURLToPath(new URL('.', import.meta.url));

// The folder is renamed when it is complete, so nothing in it may know where it lies.
const launcher = `#!/bin/sh
here=$(dirname "$0")
exec "$here/venv/bin/python" "$here/peer.py" "$@"
`;

/** Throws ToolMissing where there is no Python 3 with venv, or no way to the packages. */
export async function pythonElector(): Promise<string> {
  const version = await runTool(dir, ['python3', '-c', 'import sys; print(sys.version, sys.base_prefix)']);
  const key = await keyOf(dir, ['peer.py', 'requirements.txt'], [version, launcher]);
  const folder = await cached('python-elector', key, 'with pip', async (temporary) => {
    await mkdir(temporary);
    await runTool(temporary, ['python3', '-m', 'venv', 'venv']);
    const requirements = path.join(dir, 'requirements.txt');
    await runTool(temporary, ['venv/bin/python', '-m', 'pip', 'install', '--quiet', '--requirement', requirements]);
    await copyFile(path.join(dir, 'peer.py'), path.join(temporary, 'peer.py'));
    await writeFile(path.join(temporary, 'run'), launcher, { mode: 0o755 });
  });
  return path.join(folder, 'run');
}
