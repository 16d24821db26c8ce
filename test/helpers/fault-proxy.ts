// What it decides: what the network between a client and a server does wrong, on command: late, silent, half-open,
// reset or refused. It works on bytes, so TLS and its certificates (for 127.0.0.1) pass through untouched.
// What it does not know: HTTP and TLS. It ignores back-pressure, since the traffic of an election is small.
// To check: bytes of one direction stay in order, and a direction that has lost bytes never carries any again,
// because a stream with a gap in it cannot happen on a real network.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './servers.ts';

/** `up` is from the client to the server. */
export type Direction = 'up' | 'down';
type Directions = Direction | 'both';

export interface FaultProxy {
  readonly port: number;
  /** Ends every fault; listens again, and delivers what was held. Directions that lost bytes stay silent. */
  pass(): Promise<void>;
  /** Adds this to the way of every chunk that comes from now on. */
  delay(ms: number, directions?: Directions): void;
  /** Bytes and ends vanish, connections stay open: a middlebox that has forgotten them. New ones are still accepted. */
  blackhole(options?: { readonly directions?: Directions; readonly connections?: 'existing' | 'new' | 'all' }): void;
  /** Bytes and ends wait here until `pass`: a partition that heals. Also for connections that come meanwhile. */
  hold(directions?: Directions): void;
  /** Destroys the sockets to one side; the other side's stay open and silent: half-open connections. */
  cut(side: 'client' | 'server'): void;
  /** Resets (RST) both sides of every connection; new ones pass. */
  reset(): void;
  /** Closes the listener; existing connections go on. */
  refuse(): void;
  /** The clients' connections that are open now. */
  connections(): number;
  /** Bytes of one direction that wait here, to know that a held answer has come. */
  held(direction: Direction): number;
  close(): void;
}

export async function startFaultProxy({
  to,
}: {
  readonly to: { readonly host: string; readonly port: number };
}): Promise<FaultProxy> {
  const port = await freePort();
  const links = new Set<Link>();
  const delayMs = { up: 0, down: 0 };
  const holding = { up: false, down: false };
  const losingNew = { up: false, down: false };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ ...to, allowHalfOpen: true, noDelay: true });
    const link: Link = {
      client,
      upstream,
      up: new Pipe(client, upstream, { delayMs: () => delayMs.up, isHeld: () => holding.up, isLost: losingNew.up }),
      down: new Pipe(upstream, client, {
        delayMs: () => delayMs.down,
        isHeld: () => holding.down,
        isLost: losingNew.down,
      }),
    };
    links.add(link);
    // Not before both are gone, or `close` would miss a server's socket whose client has left unnoticed.
    for (const socket of [client, upstream]) {
      socket.once('close', () => {
        if (client.closed && upstream.closed) links.delete(link);
      });
    }
  });
  const listen = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const refuse = (): void => {
    // Only its callback would wait for the open connections; the listener itself is gone at once.
    if (server.listening) server.close();
  };
  await listen();

  return {
    port,
    async pass() {
      for (const direction of both) {
        delayMs[direction] = 0;
        holding[direction] = losingNew[direction] = false;
        for (const link of links) link[direction].flush();
      }
      if (!server.listening) await listen();
    },
    delay(ms, directions = 'both') {
      for (const direction of each(directions)) delayMs[direction] = ms;
    },
    blackhole({ directions = 'both', connections = 'all' } = {}) {
      for (const direction of each(directions)) {
        if (connections !== 'existing') losingNew[direction] = true;
        if (connections !== 'new') for (const link of links) link[direction].lose();
      }
    },
    hold(directions = 'both') {
      for (const direction of each(directions)) holding[direction] = true;
    },
    cut(side) {
      for (const link of links) {
        for (const direction of both) link[direction].lose();
        (side === 'client' ? link.client : link.upstream).destroy();
      }
    },
    reset() {
      for (const link of links) {
        link.client.resetAndDestroy();
        link.upstream.resetAndDestroy();
      }
    },
    refuse,
    connections: () => [...links].filter(({ client }) => !client.closed).length,
    held: (direction) => [...links].reduce((sum, link) => sum + link[direction].waitingBytes(), 0),
    close() {
      refuse();
      for (const link of links) {
        for (const direction of both) link[direction].lose();
        link.client.destroy();
        link.upstream.destroy();
      }
    },
  };
}

const both = ['up', 'down'] as const;

function each(directions: Directions): readonly Direction[] {
  return directions === 'both' ? both : [directions];
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly up: Pipe;
  readonly down: Pipe;
}

interface Weather {
  readonly delayMs: () => number;
  readonly isHeld: () => boolean;
  readonly isLost: boolean;
}

// What a socket said last: bytes, that it will say no more, or that it is gone.
type Item = Buffer | 'end' | 'gone';

/** One direction of one connection: a queue between two sockets. */
class Pipe {
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #queue: { readonly item: Item; readonly dueAt: number }[] = [];
  #lost: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#to = to;
    this.#weather = weather;
    this.#lost = weather.isLost;
    from.on('data', (chunk) => {
      this.#push(chunk);
    });
    from.once('end', () => {
      this.#push('end');
    });
    // An error is followed by this event, and to the other side only the end matters.
    from.on('error', () => undefined);
    from.once('close', () => {
      this.#push('gone');
    });
  }

  lose(): void {
    this.#lost = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  /** Writes what is due, in order, and sets a timer for the rest. */
  flush(): void {
    clearTimeout(this.#timer);
    while (!this.#weather.isHeld()) {
      const [next] = this.#queue;
      if (next === undefined) return;
      const waitMs = this.#weather.delayMs() === 0 ? 0 : next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.flush();
        }, waitMs);
        return;
      }
      this.#queue.shift();
      if (next.item === 'end') this.#to.end();
      else if (next.item === 'gone') this.#to.destroySoon();
      else if (this.#to.writable) this.#to.write(next.item);
    }
  }

  waitingBytes(): number {
    return this.#queue.reduce((sum, { item }) => sum + (typeof item === 'string' ? 0 : item.length), 0);
  }

  #push(item: Item): void {
    if (this.#lost) return;
    this.#queue.push({ item, dueAt: performance.now() + this.#weather.delayMs() });
    this.flush();
  }
}
