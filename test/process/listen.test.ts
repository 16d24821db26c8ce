// --listen of the real program: who may ask, what is answered by a leader and a standby, and that no client makes
// leader-run late: a thousand that hang, and some that ask without a pause.
// To check: renewals are counted from the log of the very run that is flooded.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';

/** Where a run answers, as its log tells. */
async function urlOf(run: Run): Promise<string> {
  const { message } = await run.event('note', { fits: ({ message: text }) => text.startsWith('answering') });
  return message.replace('answering requests at ', '');
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

async function valueOf(url: string, series: string): Promise<number> {
  const { text } = await get(`${url}/metrics`);
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

async function opened(url: string, said = ''): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(said);
  return socket;
}

const listening = ['--listen=0'];
const command = ['sleep', '1000'];

async function pair(arena: Arena): Promise<{ leader: Run; standby: Run; urls: readonly [string, string] }> {
  const leader = arena.run({ flags: [...listening, '--identity=alice'], command });
  await leader.event('command-started');
  const standby = arena.run({ flags: [...listening, '--identity=bob'], command });
  await standby.event('standing-by');
  return { leader, standby, urls: [await urlOf(leader), await urlOf(standby)] };
}

describe.concurrent('--listen', () => {
  test('answers for a leader and for a standby, which is ready as well', async ({ arena, expect }) => {
    const { leader, standby, urls } = await pair(arena);
    expect(urls.every((url) => url.startsWith('http://127.0.0.1:'))).toBe(true);
    const answers = async (path: string) => await Promise.all(urls.map(async (url) => (await get(url + path)).text));
    expect(await answers('/livez')).toEqual(['ok\n', 'ok\n']);
    expect(await answers('/healthz')).toEqual(['ok\n', 'ok\n']);
    expect(await answers('/readyz')).toEqual(['ok: leading\n', 'ok: standing by, alice leads\n']);
    const leaders = (await answers('/leader')).map((text) => JSON.parse(text) as unknown);
    expect(leaders).toMatchObject([
      { name: 'alice', leading: true, identity: 'alice', state: 'held' },
      { name: 'alice', leading: false, identity: 'bob', state: 'held' },
    ]);
    const master = 'leader_election_master_status{name="default/demo"}';
    expect(await Promise.all(urls.map((url) => valueOf(url, master)))).toEqual([1, 0]);
    leader.signal('SIGTERM');
    await leader.end();
    await standby.event('elected');
    expect(await valueOf(urls[1], master)).toBe(1);
    standby.signal('SIGTERM');
    await standby.end();
  });

  test('names the new leader, at a standby and at one that was stopped for longer than its lease', async ({ arena, expect }) => {
    const { leader, standby, urls } = await pair(arena);
    leader.signal('SIGSTOP');
    // The guardian ends the command of one that is stopped, and the next one leads when the lease is over.
    await standby.event('elected');
    expect(JSON.parse((await get(`${urls[1]}/`)).text)).toMatchObject({ name: 'bob', leading: true });
    expect((await get(`${urls[1]}/livez`)).status).toBe(200);
    leader.signal('SIGCONT');
    await arena.until('the old leader to name the new one', async () => (await get(`${urls[0]}/leader`)).text.includes('"name":"bob"'));
    expect(await get(`${urls[0]}/readyz`)).toEqual({ status: 200, text: 'ok: standing by, bob leads\n' });
    leader.signal('SIGTERM');
    await leader.end();
    standby.signal('SIGTERM');
    await standby.end();
  });

  test('refuses a place that is taken before anything is locked', async ({ arena, expect }) => {
    const run = arena.run({ flags: listening, command });
    const { port } = new URL(await urlOf(run));
    await run.event('command-started');
    const second = arena.run({ flags: [`--listen=${port}`], lock: 'other', command: ['true'] });
    expect(await second.end()).toMatchObject({ status: 125 });
    expect(second.stderr).toContain(`--listen: cannot listen at 127.0.0.1:${port}: another program listens there`);
    expect(arena.versions('other')).toEqual([]);
    run.signal('SIGTERM');
    await run.end();
  });

  test('answers a probe and renews in time beside a thousand clients that hang and others that ask on and on', async ({
    arena,
    expect,
  }) => {
    const run = arena.run({ flags: listening, command, timing: ['--lease-duration=15s'] });
    const url = await urlOf(run);
    await run.event('command-started');
    const before = run.all('renewed').length;
    const sockets: Socket[] = [];
    for (let i = 0; i < 1000; i += 1) sockets.push(await opened(url, i % 2 === 0 ? '' : 'GET /metrics HTTP/1.1\r\nHost: '));
    let isOver = false;
    const floods = Array.from({ length: 8 }, async () => {
      let answered = 0;
      while (!isOver) answered += (await get(`${url}/metrics`).catch(() => undefined))?.status === 200 ? 1 : 0;
      return answered;
    });
    await arena.until('five renewals', () => run.all('renewed').length >= before + 5);
    const probe = await get(`${url}/livez`);
    isOver = true;
    expect(probe).toEqual({ status: 200, text: 'ok\n' });
    const answered = await Promise.all(floods);
    expect(answered.every((count) => count > 0)).toBe(true);
    expect(run.all('lost')).toEqual([]);
    expect(run.all('trouble')).toEqual([]);
    for (const socket of sockets) socket.destroy();
    run.signal('SIGTERM');
    await run.end();
  });

  test('reads no body, and takes one request from each connection', async ({ arena, expect }) => {
    const run = arena.run({ flags: listening, command });
    const url = await urlOf(run);
    const socket = await opened(url, 'POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx');
    await once(socket, 'close');
    const pipelined = await opened(url);
    let text = '';
    pipelined.setEncoding('utf8').on('data', (part: string) => (text += part));
    pipelined.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await once(pipelined, 'close');
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(1);
    run.signal('SIGTERM');
    await run.end();
  });
});
