// docs/interop.md against what the peers' own files pin: a new release has to be looked at, and its figures with it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { versions } from './peers.ts';

test.each(Object.entries(versions))('docs/interop.md tells of the release of %s that the tests build: %s', (_, version) => {
  expect(readFileSync(new URL('../../docs/interop.md', import.meta.url), 'utf8')).toContain(version);
});
