// What it decides: where the client-go candidate of this folder is built from and how the binary is called.
// What it does not know: its flags (main.go) and who runs it.
// To check: the first call may take a minute (GoToolMissing without Go), so tests call it in a hook with time enough.
import { fileURLToPath } from 'node:url';
import { goTool } from '../../helpers/go-tool.ts';

export async function clientGoElector(): Promise<string> {
  return await goTool({ dir: fileURLToPath(new URL('.', import.meta.url)), package: '.', name: 'client-go-elector' });
}
