// The frame of a file of the fault matrix: one client for all rows, what is closed at the end, and the table that is
// printed then. Decides nothing about a row.
// To check: a row that was skipped is not in the table; whatever was opened for a row is closed, also when it failed.
import { afterAll, expect, test } from 'vitest';
import { onServers } from '../../helpers/on-servers.ts';
import type { ServersClient } from '../../helpers/servers-client.ts';
import { type ConditionalRow, type Played, playRow, printed, type Row } from './table.ts';

export type Closing = (() => void | Promise<void>)[];

/** `body` has the tests; what they play is in the table. */
export function frame(
  title: string,
  closing: Closing,
  connected: (client: ServersClient) => void,
  body: (play: (row: Row) => Promise<Played>) => void,
): void {
  onServers(title, ({ client, figures }) => {
    const table: Played[] = [];
    connected(client);
    afterAll(async () => {
      for (const close of closing) await close();
      figures.push(printed(table));
    });
    body(async (row) => {
      const played = await playRow(client, row);
      table.push(played);
      return played;
    });
  });
}

/** Rows within the assumptions: in none of them may two commands live at once. */
export function playAll(
  title: string,
  rows: readonly ConditionalRow[],
  closing: Closing,
  connected: (client: ServersClient) => void,
): void {
  frame(title, closing, connected, (play) => {
    test.for(rows)('row $row: $fault: $expected', async ({ needs, ...row }, { skip }) => {
      const lacking = needs?.();
      skip(lacking !== undefined, lacking);
      const { worstOverlapMs } = await play(row);
      expect(worstOverlapMs).toBe(0);
    });
  });
}
