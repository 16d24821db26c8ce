// The entry of `npm run bench`, which prints one table: leader-run beside its peers, measured in turn in one run.
// Decides nothing; test/bench/main.ts does. `--quick` is a short version that only shows that everything still works.

import '../test/bench/typescript.mjs';

await import('../test/bench/main.ts');
