// The frame of a test file that needs a real API server: a `describe` that is skipped where there is none, a client, and
// the figures that its tests have measured, printed at the end. Decides nothing about a test.
// To check: the client opens no connection before a test uses it, since the tests of a skipped file are collected too.
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { startServers, type Servers, type ServersOptions } from './servers.ts';
import { connect, type ServersClient, type ServersJson } from './servers-client.ts';

export interface Shared {
  readonly client: ServersClient;
  /** One text for each thing that was measured. */
  readonly figures: string[];
}

export interface FrameOptions {
  /** Skips all of it: what it needs besides the servers is not here. */
  readonly lacking?: boolean;
  /** One test after the other. */
  readonly inTurn?: boolean;
}

/** On the servers that all files share, side by side unless `inTurn`; a test that harms a server starts its own. */
export function onServers(title: string, body: (shared: Shared) => void, { lacking, inTurn }: FrameOptions = {}): void {
  const servers = inject('servers');
  const skips = describe.skipIf(servers === null || lacking === true);
  (inTurn === true ? skips : skips.concurrent)(title, () => {
    const client = connect(servers ?? nowhere);
    const figures: string[] = [];
    // Hooks run in reverse: what `body` adds comes first.
    afterAll(() => {
      client.disconnect();
      if (figures.length > 0) console.log(figures.join('\n'));
    });
    body({ client, figures });
  });
}

export interface Own {
  /** Once a test runs. */
  readonly servers: () => Servers;
  readonly figures: string[];
}

/** On servers of its own, which it may stop and kill, one test after the other. */
export function onOwnServers(title: string, body: (own: Own) => void, options: ServersOptions = {}): void {
  describe.skipIf(inject('servers') === null)(title, () => {
    const figures: string[] = [];
    let servers: Servers;
    beforeAll(async () => {
      servers = await startServers(options);
    });
    afterAll(async () => {
      await servers.close();
      if (figures.length > 0) console.log(figures.join('\n'));
    });
    body({ servers: () => servers, figures });
  });
}

const nowhere: ServersJson = {
  url: 'https://nowhere.invalid',
  caPem: '',
  tokens: { admin: '', worker: '', alice: '', bob: '', carol: '', dave: '', erin: '', frank: '' },
};
