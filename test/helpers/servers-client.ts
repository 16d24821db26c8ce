// What it decides: how tests speak to a running API server: as whom, with which CA, with what rights.
// What it does not know: who started the server (servers.ts) and leader-run's own REST layer. It shares no code with
// src/, so that a fault there cannot hide here.
// To check: ServersJson stays plain JSON, because vitest hands it from the main process to its workers.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** `admin` may do anything; the others may do nothing until a test says `allow`. */
export const users = ['admin', 'worker', 'alice', 'bob', 'carol', 'dave', 'erin', 'frank'] as const;
export type User = (typeof users)[number];

export interface ServersJson {
  readonly url: string;
  readonly caPem: string;
  readonly tokens: Readonly<Record<User, string>>;
}

/** What tests look at in an answer: an object, a list or a Status. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
  readonly items?: readonly KubeObject[];
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

export interface Answer {
  readonly status: number;
  /** `{}` when the answer is not JSON; `text` has it as it came. */
  readonly body: KubeObject;
  readonly text: string;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

type Headers = Readonly<Record<string, string>>;

export interface ServersClient extends ServersJson {
  /** The text of a kubeconfig; `server` puts something between, such as a fault proxy on 127.0.0.1. */
  kubeconfig(options: { readonly user: User; readonly namespace?: string; readonly server?: string }): string;
  /** Rejects after 10 s without an answer, so that a frozen server fails a test instead of hanging it. */
  admin(method: string, path: string, body?: unknown, headers?: Headers): Promise<Answer>;
  request(user: User, method: string, path: string, body?: unknown, headers?: Headers): Promise<Answer>;
  /** One watch connection of the admin's own; it opens with the first `next()` and closes with `return()`. */
  watch(path: string): AsyncGenerator<WatchEvent, void, void>;
  /** `shared`: of several tests, and it may be there. */
  createNamespace(name: string, options?: { readonly shared: boolean }): Promise<void>;
  /** Binds a Role and returns when the server honours it. */
  allow(user: User, namespace: string, rules: readonly PolicyRule[]): Promise<void>;
  /** Drops idle connections; the client stays usable. */
  disconnect(): void;
}

export function connect(servers: ServersJson): ServersClient {
  const agent = new Agent({ ca: servers.caPem, keepAlive: true });

  const client: ServersClient = {
    ...servers,
    kubeconfig: ({ user, namespace = 'default', server = servers.url }) => kubeconfig(servers, user, namespace, server),
    admin: (method, path, body, headers) => client.request('admin', method, path, body, headers),
    async request(user, method, path, body, headers = {}) {
      const response = await open({
        agent,
        servers,
        user,
        method,
        path,
        body,
        headers,
        signal: AbortSignal.timeout(10_000),
      });
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
      const json = response.headers['content-type']?.startsWith('application/json') === true;
      return { status: response.statusCode ?? 0, body: json ? (JSON.parse(text) as KubeObject) : {}, text };
    },
    async *watch(path) {
      const watching = `${path}${path.includes('?') ? '&' : '?'}watch=true`;
      // An agent of its own: a watch must be one more connection and must not hand its socket on.
      const response = await open({
        agent: new Agent({ ca: servers.caPem }),
        servers,
        user: 'admin',
        method: 'GET',
        path: watching,
      });
      try {
        if (response.statusCode !== 200)
          throw new Error(`watch ${path}: the server answered ${String(response.statusCode)}`);
        let rest = '';
        for await (const chunk of response.setEncoding('utf8')) {
          const lines = (rest + String(chunk)).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) yield JSON.parse(line) as WatchEvent;
        }
      } finally {
        response.destroy();
      }
    },
    async createNamespace(name, { shared } = { shared: false }) {
      const answer = await client.admin('POST', '/api/v1/namespaces', { metadata: { name } });
      if (!(shared && answer.status === 409)) expectStatus(201, answer, `create namespace ${name}`);
    },
    async allow(user, namespace, rules) {
      const name = `${user}-${randomUUID()}`;
      const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
      const role = await client.admin('POST', `${rbac}/roles`, { metadata: { name }, rules });
      expectStatus(201, role, `create role for ${user}`);
      const binding = await client.admin('POST', `${rbac}/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      });
      expectStatus(201, binding, `bind role of ${user}`);
      // The authorizer reads roles through a cache of its own, a few milliseconds behind the store.
      const deadline = performance.now() + 10_000;
      for (const rule of rules) {
        while (!(await isAllowed(client, user, namespace, rule))) {
          if (performance.now() > deadline)
            throw new Error(`${user} was not allowed ${JSON.stringify(rule)} within 10 s.`);
          await sleep(10);
        }
      }
    },
    disconnect: () => {
      agent.destroy();
    },
  };
  return client;
}

interface Call {
  readonly agent: Agent;
  readonly servers: ServersJson;
  readonly user: User;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Headers;
  readonly signal?: AbortSignal;
}

async function open({
  agent,
  servers,
  user,
  method,
  path,
  body,
  headers = {},
  signal,
}: Call): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(`${servers.url}${path}`, {
      agent,
      method,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${servers.tokens[user]}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    request.once('response', resolve);
    // Stays for the whole life of the request: an abort after the response has begun must not be unhandled.
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function isAllowed(client: ServersClient, user: User, namespace: string, rule: PolicyRule): Promise<boolean> {
  const review = await client.request(user, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    spec: {
      resourceAttributes: {
        namespace,
        group: rule.apiGroups[0],
        resource: rule.resources[0],
        verb: rule.verbs[0],
        name: rule.resourceNames?.[0],
      },
    },
  });
  expectStatus(201, review, `ask for the rights of ${user}`);
  return (review.body.status as { readonly allowed: boolean }).allowed;
}

function expectStatus(wanted: number, answer: Answer, attempt: string): void {
  if (answer.status === wanted) return;
  throw new Error(`${attempt}: the server answered ${String(answer.status)}: ${answer.text}`);
}

function kubeconfig({ caPem, tokens }: ServersJson, user: User, namespace: string, server: string): string {
  return `apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: ${server}
    certificate-authority-data: ${Buffer.from(caPem).toString('base64')}
users:
- name: ${user}
  user:
    token: ${tokens[user]}
contexts:
- name: test
  context:
    cluster: test
    user: ${user}
    namespace: ${namespace}
`;
}
