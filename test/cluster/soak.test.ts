// The soak of `npm run soak:cluster`, for a quarter of a minute and on servers of its own, so that it cannot rot. Always
// the same seed: new ones are the soak's own affair.
// To check: what is expected holds for any seed; a failure prints the seed and the figures.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startServers, type Servers } from '../helpers/servers.ts';
import { printed, soak } from '../soak/soak.ts';

describe.skipIf(inject('servers') === null)('five candidates under random kills and faults', () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers.close();
  });

  test('run one command at a time, leak nothing, and lead again when the faults cease', async () => {
    const seed = 20_261_122;
    const figures = await soak({ servers, forMs: 12_000, seed }).catch((error: unknown) => {
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
