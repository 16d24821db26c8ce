// The soak of `npm run soak:cluster`, for a quarter of a minute and on servers of its own, so that it cannot rot. Always
// the same seed: new ones are the soak's own affair.
// To check: what is expected holds for any seed; a failure prints the seed and the figures.
import { expect, test } from 'vitest';
import { printed, soak } from '../soak/soak.ts';
import { onOwnServers } from '../helpers/on-servers.ts';

onOwnServers('five candidates under random kills and faults', ({ servers }) => {
  test.each(['kubeconfig', 'pod'] as const)('run one command at a time, leak nothing, and lead again when the faults cease (%s)', async (shape) => {
    const seed = 20_261_122;
    const figures = await soak({ servers: servers(), forMs: 12_000, seed, shape }).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    });
    const table = printed(figures);
    console.log(table);
    const { worstOverlapMs, complaints, leaked, crashes } = figures;
    expect({ worstOverlapMs, complaints, leaked, crashes }, table).toEqual({
      worstOverlapMs: 0,
      complaints: [],
      leaked: [],
      crashes: [],
    });
    expect(figures.commands, table).toBeGreaterThan(1);
    expect(figures.descriptors.most, table).toBeLessThan(100);
  });
});
