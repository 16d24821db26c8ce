// What it decides: how the Java candidate of this folder is built, and the program that starts it.
// What it does not know: its flags (Peer.java) and who runs it.
// To check: Maven writes only to the cache, never to the source.
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, keyOf, runTool } from '../../helpers/go-tool.ts';

const dir = fileURLToPath(new URL('.', import.meta.url));
const files = ['pom.xml', 'src/main/java/Peer.java'];

// One small heap and the quick compiler alone: several of these start at once on two cores.
const launcher = `#!/bin/sh
target=$(dirname "$0")/target
exec java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$target/classes:$target/dependency/*" Peer "$@"
`;

/** Throws ToolMissing where there is no Java 17 with its compiler, no Maven, or no way to the packages. */
export async function fabric8Elector(): Promise<string> {
  await runTool(dir, ['java', '-version']);
  const folder = await cached('fabric8-elector', await keyOf(dir, files, launcher), 'with Maven', async (temporary) => {
    for (const file of files) await cp(path.join(dir, file), path.join(temporary, file));
    await runTool(temporary, ['mvn', '--quiet', '--batch-mode', 'compile', 'dependency:copy-dependencies']);
    await writeFile(path.join(temporary, 'run'), launcher, { mode: 0o755 });
  });
  return path.join(folder, 'run');
}
