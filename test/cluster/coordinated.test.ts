// Coordinated leader election (KEP-4355) on a real API server: the server chooses, leader-run obeys and still keeps its
// promise. The built program, real processes; the server's own controller assigns the Lease.
// To check: the order of events and what the objects say; the figures are measured and printed.
import { expect, test } from 'vitest';
import { short } from '../helpers/leader-run.ts';
import { onServers } from '../helpers/on-servers.ts';
import { leaseRule, type Stage, staged } from '../helpers/stage.ts';
import { until } from '../helpers/wait.ts';

const candidateRule = { apiGroups: ['coordination.k8s.io'], resources: ['leasecandidates'], verbs: ['get', 'create', 'update', 'watch'] };
const rules = [leaseRule, candidateRule];
const version = (text: string): readonly string[] => ['--coordinated', '--binary-version', text];
const mergePatch = { 'content-type': 'application/merge-patch+json' };
const candidatePath = ({ namespace }: Stage, name: string): string =>
  `/apis/coordination.k8s.io/v1beta1/namespaces/${namespace}/leasecandidates/${name}`;

onServers('a coordinated leader-run', ({ client, figures }) => {
  const candidateOf = async (stage: Stage, name: string): Promise<Readonly<Record<string, string>>> => {
    const { body } = await client.admin('GET', candidatePath(stage, name));
    return (body as { spec?: Record<string, string> }).spec ?? {};
  };

  test('leads when the server has chosen it, and keeps the strategy in the Lease', async () => {
    await staged(client, async (stage) => {
      const alice = await stage.start('alice', { flags: version('1.5.0') });
      const { startedAt } = await stage.stamps.started('alice');
      expect((await alice.event('taking'))['from']).toBe('invited');
      await alice.event('renewed');
      expect(await stage.lease.spec()).toMatchObject({
        holderIdentity: 'alice', strategy: 'OldestEmulationVersion', leaseDurationSeconds: short.leaseMs / 1000,
      });
      expect(await candidateOf(stage, 'alice')).toMatchObject({
        leaseName: 'job', binaryVersion: '1.5.0', emulationVersion: '1.5.0', strategy: 'OldestEmulationVersion',
      });
      figures.push(`chosen, first sight of the Lease to the command's start: ${startedAt - (await alice.event('started')).at} ms`);
      alice.signal('SIGTERM');
      expect((await alice.end()).status).toBe(0);
    }, { rules });
  });

  test('runs a key once: who comes when it is done leaves no candidate behind that the server could choose', async () => {
    await staged(client, async (stage) => {
      const flags = [...version('1.5.0'), '--once-per=v42'];
      const alice = await stage.start('alice', { flags, command: ['true'] });
      expect(await alice.end(60_000)).toMatchObject({ status: 0 });
      expect(await alice.event('attempt-ended')).toMatchObject({ key: 'v42', outcome: 'ok', stored: true });
      const late = await stage.start('late', { flags, command: ['true'] });
      expect(await late.end(60_000)).toMatchObject({ status: 0 });
      expect(late.all('command-started')).toEqual([]);
      expect((await client.admin('GET', candidatePath(stage, 'late'))).status).toBe(404);
    }, { rules });
  });

  test('answers the question whether it lives, asked by a clock that is ahead of its own', async () => {
    await staged(client, async (stage) => {
      await stage.start('alice', { flags: version('1.5.0') });
      await stage.stamps.started('alice');
      const pingTime = new Date(Date.now() + 60_000).toISOString().replace('Z', '321Z');
      await client.admin('PATCH', candidatePath(stage, 'alice'), { spec: { pingTime } }, mergePatch);
      await until('alice answers', async () => {
        const { pingTime: asked, renewTime = '' } = await candidateOf(stage, 'alice');
        return asked === pingTime && renewTime > pingTime;
      });
    }, { rules });
  });

  test('makes way for an older version when its command has drained, and stands by', async () => {
    await staged(client, async (stage) => {
      const { start, stamps, lease } = stage;
      const alice = await start('alice', { flags: version('1.5.0'), drainMs: 5000 });
      await stamps.started('alice');
      const bob = await start('bob', { flags: version('1.4.0') });
      await alice.event('deposed');
      const asked = await until('the command is told', async () => (await stamps.lives())[0]?.askedAt);
      await alice.event('renewed', { fits: (line) => line.at > asked + 1000 });
      expect(await lease.spec()).toMatchObject({ holderIdentity: 'alice', preferredHolder: 'bob' });
      await alice.event('released');
      await bob.event('elected');
      const [first, second] = [await stamps.started('alice'), await stamps.started('bob')];
      expect(first.ended).toBe(true);
      expect(alice.all('lost')).toEqual([]);
      figures.push(`deposed: drained ${first.lastSeen - asked} ms, the next command ${second.startedAt - first.lastSeen} ms after its end`);
      await alice.event('standing-by', { fits: ({ leader }) => leader === 'bob' });
    }, { rules });
  });

  test('follows one that was killed, after its lease', async () => {
    await staged(client, async ({ start, stamps, lease }) => {
      const alice = await start('alice', { flags: version('1.5.0') });
      await stamps.started('alice');
      const bob = await start('bob', { flags: version('1.5.0') });
      await bob.event('standing-by');
      alice.signal('SIGKILL');
      await alice.end();
      const renewedAt = await lease.renewedAt();
      const { startedAt } = await stamps.started('bob');
      expect(startedAt).toBeGreaterThanOrEqual(renewedAt + short.leaseMs);
      figures.push(`killed: the next command ${startedAt - renewedAt - short.leaseMs} ms after the lease's end (the server asks the dead one for 5 s)`);
    }, { rules });
  });

  test.for(['absent', 'free'] as const)('without rights to its candidate says what is missing and ends with 125 when the Lease is %s', async (there) => {
    await staged(client, async ({ start, stamps, lease }) => {
      if (there === 'free') await lease.create({ holderIdentity: '' });
      const alice = await start('alice', { flags: version('1.5.0') });
      expect((await alice.end()).status).toBe(125);
      const { message } = await alice.event('exit');
      expect(message).toContain('cannot read leasecandidate');
      expect(message).toContain('resources: [leasecandidates]');
      expect(await stamps.lives()).toEqual([]);
    });
  });
});
