// The label of the pod that leads: every request that it takes, which pods are left alone, and what is said where it
// cannot be done. The API server is a few pods in memory; test/cluster/pod-label.test.ts asks the real one.
// To check: `asked` is every request that was sent.
import { describe, expect, test } from 'vitest';
import type { Answer, Call, Transport } from '../../../src/kube-api/transport.ts';
import { podLabel } from '../../../src/locks/kube/pod-label.ts';

type Texts = Record<string, string>;
interface Metadata {
  readonly name: string;
  readonly uid: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

const attempt = { limitMs: 1000 };
const mark = 'leader-run jobs/reports';
const plain: Texts = { app: 'reports' };
const labelled = { labels: { ...plain, role: 'leader' }, annotations: { role: mark } };

function rig(...all: readonly Omit<Metadata, 'uid'>[]) {
  const pods = new Map<string, Metadata>(all.map((pod) => [pod.name, { uid: `uid of ${pod.name}`, ...pod }]));
  const asked: string[] = [];
  let open = 0;
  let refuse: (call: Call) => Answer | undefined = () => undefined;
  const give = (status: number, value: unknown): Answer => {
    return { kind: 'answer', status, headers: {}, text: JSON.stringify(value) };
  };
  const refusal = (status: number, message: string, name: string): Answer =>
    give(status, { kind: 'Status', message, details: { kind: 'pods', name } });

  function serve({ method, path, body }: Call): Answer {
    const url = new URL(path, 'https://memory');
    const name = decodeURIComponent(/^\/api\/v1\/namespaces\/web\/pods(?:\/(.*))?$/.exec(url.pathname)?.[1] ?? '');
    asked.push(`${method} ${name}${url.search}`);
    const key = url.searchParams.get('labelSelector');
    if (key !== null) {
      const labelled = [...pods.values()].filter(({ labels }) => labels?.[key] !== undefined);
      return give(200, { items: labelled.map((metadata) => ({ metadata })) });
    }
    const pod = pods.get(name);
    if (pod === undefined) return refusal(404, 'not found', name);
    if (method === 'GET') return give(200, { metadata: pod });
    const { metadata: patch } = JSON.parse(body ?? '{}') as { metadata: Required<Metadata> };
    if (patch.uid !== pod.uid) return refusal(409, 'Precondition failed: UID', name);
    const labels = merged(pod.labels, patch.labels);
    pods.set(name, { ...pod, labels, annotations: merged(pod.annotations, patch.annotations) });
    return give(200, { metadata: pods.get(name) });
  }

  const transportOver = (): Transport => {
    open += 1;
    return {
      where: 'memory',
      request: (call) => Promise.resolve(refuse(call) ?? serve(call)),
      follow: () => Promise.reject(new Error('nothing is watched')),
      close: () => (open -= 1),
    };
  };
  const wish = { key: 'role', value: 'leader', pod: 'a' };
  const label = podLabel({ ...wish, lock: 'jobs/reports', namespace: 'web', transportOver });
  return {
    label,
    asked,
    of: (name: string) => pods.get(name),
    replace: (pod: Metadata) => pods.set(pod.name, pod),
    refuseWith: (next: typeof refuse) => (refuse = next),
    forbid: (verb: string, of: (call: Call) => boolean) => {
      refuse = (call) =>
        of(call) ? give(403, { kind: 'Status', message: `User "w" cannot ${verb} resource "pods"` }) : undefined;
    },
    open: () => open,
  };
}

function merged(before: Texts = {}, patch: object): Texts {
  const all = Object.entries<string | null>({ ...before, ...patch });
  return Object.fromEntries(all.flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

describe('the label of a pod', () => {
  test('is put on our own with an annotation that names the lock, beside what the pod has', async () => {
    const { label, asked, of, open } = rig({ name: 'a', labels: plain, annotations: { note: 'mine' } });
    expect(await label.put(attempt)).toBeUndefined();
    expect(of('a')).toMatchObject({ labels: labelled.labels, annotations: { note: 'mine', role: mark } });
    expect(asked).toEqual(['GET a', 'PATCH a', 'GET ?labelSelector=role&limit=100']);
    expect(open()).toBe(0);
  });

  test('that is there is only looked at', async () => {
    const { label, asked } = rig({ name: 'a', ...labelled });
    await label.put(attempt);
    expect(asked).toEqual(['GET a', 'GET ?labelSelector=role&limit=100']);
  });

  test('is taken off the pod of an earlier holder, and off no other pod', async () => {
    const other = { ...labelled, annotations: { role: 'leader-run jobs/other' } };
    const left = { name: 'b', ...labelled };
    const { label, of } = rig({ name: 'a' }, left, { name: 'c', ...other }, { name: 'd', labels: labelled.labels });
    await label.put(attempt);
    expect(of('b')).toMatchObject({ labels: plain, annotations: {} });
    expect(of('c')).toMatchObject(other);
    expect(of('d')?.labels).toEqual(labelled.labels);
  });

  test('is taken off with one request, and with it the annotation', async () => {
    const { label, asked, of } = rig({ name: 'a', labels: plain });
    await label.put(attempt);
    asked.length = 0;
    expect(await label.takeOff(attempt)).toBeUndefined();
    expect(of('a')).toMatchObject({ labels: plain, annotations: {} });
    expect(asked).toEqual(['PATCH a']);
  });

  test('that an earlier run in our pod has left is taken off', async () => {
    const { label, of } = rig({ name: 'a', ...labelled });
    expect(await label.takeOff(attempt)).toBeUndefined();
    expect(of('a')).toMatchObject({ labels: plain, annotations: {} });
  });

  test.each([
    { name: 'by its manifest', pod: { labels: { role: 'leader' } } },
    { name: 'with another value', pod: { labels: { role: 'standby' } } },
    { name: 'for another lock', pod: { labels: { role: 'leader' }, annotations: { role: 'leader-run jobs/other' } } },
  ])('that the pod has $name is never changed', async ({ pod }) => {
    const { label, of } = rig({ name: 'a', ...pod });
    expect(await label.put(attempt)).toEqual({
      cause: 'invalid',
      message: expect.stringMatching(
        /^pod web\/a at memory has the label role=\w+ from elsewhere: give --label-pod a key that nothing else sets$/,
      ) as string,
    });
    expect(await label.takeOff(attempt)).toBeUndefined();
    expect(of('a')).toMatchObject(pod);
  });

  test('is not taken off another pod that has got the name of ours', async () => {
    const { label, of, replace } = rig({ name: 'a' });
    await label.put(attempt);
    replace({ name: 'a', uid: 'another', ...labelled });
    expect(await label.takeOff(attempt)).toBeUndefined();
    expect(of('a')).toMatchObject(labelled);
  });

  test('of a pod that is gone counts as taken off', async () => {
    const { label, refuseWith } = rig({ name: 'a' });
    await label.put(attempt);
    const text = JSON.stringify({ kind: 'Status', details: { kind: 'pods', name: 'a' } });
    refuseWith(() => ({ kind: 'answer', status: 404, headers: {}, text }));
    expect(await label.takeOff(attempt)).toBeUndefined();
  });

  test('of a pod that is not there says how to name it', async () => {
    const { label } = rig({ name: 'b' });
    const message = "there is no pod web/a at memory: set POD_NAME and POD_NAMESPACE from the pod's own fields";
    expect(await label.put(attempt)).toMatchObject({ message });
  });

  const rule = 'allow {apiGroups: [""], resources: [pods], verbs: [get, list, patch]} in a Role of namespace web';
  test.each([
    { verb: 'get', doing: 'cannot read pod web/a', of: ({ path }: Call) => path.endsWith('/a') },
    { verb: 'patch', doing: 'cannot patch pod web/a', of: ({ method }: Call) => method === 'PATCH' },
    { verb: 'list', doing: 'cannot list the pods of namespace web', of: ({ path }: Call) => path.includes('?') },
  ])('without the right to $verb says which rule to add', async ({ verb, doing, of }) => {
    const { label, forbid } = rig({ name: 'a' });
    forbid(verb, of);
    const said = `403 User "w" cannot ${verb} resource "pods"; the verb ${verb} on pods is missing: ${rule}`;
    const message = `${doing} at memory: ${said}`;
    expect(await label.put(attempt)).toEqual({ cause: 'forbidden', message });
  });
});
