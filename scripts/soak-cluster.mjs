// The entry of `npm run soak:cluster`: candidates, random kills and faults on a real API server, for minutes.
// Decides nothing; test/soak/main.ts does. Needs the bundle (`npm run build`) and what the cluster tests need.

import '../test/bench/typescript.mjs';

await import('../test/soak/main.ts');
