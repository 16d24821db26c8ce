// An API server in memory for Leases, Endpoints and ConfigMaps, as the locks see one: what it does with each request,
// and what a watch shows of it. Decides by the rules that test/cluster finds on the real one. Knows no election and no
// time. It answers at once, in microtasks, so that a test's clock alone moves things.
// To check: test/helpers/lock-facts.ts runs against this and against a real server, so that neither can drift.
import type { Answer, Ended, Following, Transport } from '../../src/kube-api/transport.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Meta extends Fields {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Stored extends Fields {
  readonly metadata: Meta;
}

export type Resource = 'leases' | 'endpoints' | 'configmaps';

interface Rules {
  readonly kind: string;
  readonly apiVersion: string;
  /** A PUT to nothing creates. */
  readonly makesByPut: boolean;
  /** A PUT without resourceVersion replaces whatever is there. */
  readonly blindPut: boolean;
}

const kinds: Readonly<Record<Resource, Rules>> = {
  leases: { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', makesByPut: true, blindPut: false },
  endpoints: { kind: 'Endpoints', apiVersion: 'v1', makesByPut: true, blindPut: true },
  configmaps: { kind: 'ConfigMap', apiVersion: 'v1', makesByPut: false, blindPut: true },
};

const deprecated = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"';

/** What a test puts in the way of one request; 'lost' answers nothing though the request is carried out. */
export type Fault = 'lost' | Answer;

export class MemoryApi {
  /** `GET leases`, `PUT endpoints`, `POST configmaps`: all that was asked, without watches and rehearsals. */
  readonly calls: string[] = [];
  /** With what was sent. */
  readonly bodies: unknown[] = [];
  /** Is asked before each request is carried out. */
  fault: (call: string) => Fault | undefined = () => undefined;
  /** What a request waits for before it is carried out. */
  hold: (call: string) => Promise<unknown> | undefined = () => undefined;
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Map<string, Set<(line: string) => void>>();
  #version = 1000;
  #uids = 0;

  get(resource: Resource, name = 'demo'): Stored | undefined {
    return this.#objects.get(keyOf(resource, name));
  }

  /** As somebody else puts it there: a new object, or the old one with other fields. */
  put(resource: Resource, fields: Fields, name = 'demo'): Stored {
    const before = this.get(resource, name);
    this.#uids += Number(before === undefined);
    const { kind, apiVersion } = kinds[resource];
    const uid = before?.metadata.uid ?? `uid-${this.#uids}`;
    const meta = {
      ...before?.metadata,
      ...(fields['metadata'] as Fields | undefined),
      name,
      namespace: 'default',
      uid,
    };
    return this.#store(
      resource,
      name,
      { apiVersion, kind, ...before, ...fields, metadata: meta },
      before !== undefined,
    );
  }

  delete(resource: Resource, name = 'demo'): void {
    const object = this.get(resource, name);
    this.#objects.delete(keyOf(resource, name));
    this.#version += 1;
    this.#tell(resource, name, 'DELETED', object);
  }

  transport(): Transport {
    return {
      where: 'memory',
      request: async ({ method, path, body }, deadline, sending) => {
        sending?.();
        const url = new URL(path, 'https://memory');
        const [resource, name] = partsOf(url);
        const dry = url.searchParams.has('dryRun');
        const call = `${method} ${resource}`;
        await this.hold(call);
        const sent = body === undefined ? undefined : (JSON.parse(body) as Stored);
        if (!dry) {
          this.calls.push(call);
          this.bodies.push(sent);
        }
        const fault = dry ? undefined : this.fault(call);
        if (fault !== undefined && fault !== 'lost') return fault;
        const answer = this.#serve(method, resource, name, sent, dry);
        if (fault !== 'lost') return answer;
        return await new Promise((resolve) => {
          const late = { kind: 'failed', cause: 'timeout', detail: 'no answer', sent: true } as const;
          deadline.signal.addEventListener('abort', () => {
            resolve(late);
          });
        });
      },
      follow: (path, following, _limits, stop) => this.#follow(new URL(path, 'https://memory'), following, stop),
      close: () => undefined,
    };
  }

  #serve(method: string, resource: Resource, name: string, sent: Stored | undefined, dry: boolean): Answer {
    const wanted = name === '' ? (sent?.metadata.name ?? '') : name;
    const there = this.get(resource, wanted);
    const warning = resource === 'endpoints' ? { warning: deprecated } : {};
    const give = (status: number, value: unknown): Answer => {
      return { kind: 'answer', status, headers: warning, text: JSON.stringify(value) };
    };
    const refuse = (status: number, reason: string, causes: readonly object[] = []): Answer =>
      give(status, { kind: 'Status', reason, message: reason, details: { kind: resource, name: wanted, causes } });
    if (method === 'GET') return there === undefined ? refuse(404, 'NotFound') : give(200, there);
    if (sent === undefined) return refuse(400, 'BadRequest');
    if (method === 'POST') {
      if (there !== undefined) return refuse(409, 'AlreadyExists');
      return give(201, dry ? rehearsed(sent) : this.#create(resource, wanted, sent));
    }
    const { uid, resourceVersion } = sent.metadata as Partial<Meta>;
    if (there === undefined) {
      if (uid !== undefined) return refuse(409, 'Conflict');
      if (!kinds[resource].makesByPut) return refuse(404, 'NotFound');
      return give(201, dry ? rehearsed(sent) : this.#create(resource, wanted, sent));
    }
    if (uid !== undefined && uid !== there.metadata.uid) return refuse(409, 'Conflict');
    if (resourceVersion === undefined && !kinds[resource].blindPut) {
      return refuse(422, 'Invalid', [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion' }]);
    }
    if (resourceVersion !== undefined && resourceVersion !== there.metadata.resourceVersion)
      return refuse(409, 'Conflict');
    const { kind, apiVersion } = kinds[resource];
    const meta = { ...sent.metadata, uid: there.metadata.uid, resourceVersion: there.metadata.resourceVersion };
    const next = { ...sent, kind, apiVersion, metadata: meta };
    // What changes nothing gets no new resourceVersion.
    if (dry || JSON.stringify(next) === JSON.stringify(there)) return give(200, next);
    return give(200, this.#store(resource, wanted, next, true));
  }

  #create(resource: Resource, name: string, sent: Stored): Stored {
    this.#uids += 1;
    const meta = { ...sent.metadata, name, namespace: 'default', uid: `uid-${this.#uids}`, resourceVersion: '' };
    return this.#store(resource, name, { ...sent, metadata: meta }, false);
  }

  #store(resource: Resource, name: string, object: Stored | Fields, existed: boolean): Stored {
    this.#version += 1;
    const metadata = { ...(object['metadata'] as Meta), resourceVersion: String(this.#version) };
    const stored = { ...object, metadata };
    this.#objects.set(keyOf(resource, name), stored);
    this.#tell(resource, name, existed ? 'MODIFIED' : 'ADDED', stored);
    return stored;
  }

  #tell(resource: Resource, name: string, type: string, object: unknown): void {
    for (const watcher of this.#watchers.get(keyOf(resource, name)) ?? []) watcher(JSON.stringify({ type, object }));
  }

  async #follow(url: URL, { opened, line }: Following, stop: AbortSignal): Promise<Ended> {
    const [resource] = partsOf(url);
    const name = url.searchParams.get('fieldSelector')?.replace('metadata.name=', '') ?? '';
    const key = keyOf(resource, name);
    await Promise.resolve();
    opened();
    const there = this.get(resource, name);
    if (there !== undefined) line(JSON.stringify({ type: 'ADDED', object: there }));
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(line));
    return await new Promise((resolve) => {
      const end = (): void => {
        watchers.delete(line);
        resolve({ kind: 'ended' });
      };
      if (stop.aborted) end();
      else stop.addEventListener('abort', end, { once: true });
    });
  }
}

/** As an answer to dryRun=All: whole, with versions that mean nothing. */
function rehearsed(sent: Stored): Stored {
  return { ...sent, metadata: { ...sent.metadata, uid: 'rehearsed', resourceVersion: '' } };
}

function partsOf({ pathname }: URL): [Resource, string] {
  const [, resource = '', name = ''] = /namespaces\/default\/(\w+)(?:\/([^/]+))?$/.exec(pathname) ?? [];
  return [resource as Resource, name];
}

function keyOf(resource: Resource, name: string): string {
  return `${resource}/${name}`;
}
