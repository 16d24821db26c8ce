// What an API server's answer means for a lock: applied, conflict, surely refused, or unknown; and a sentence that
// says what to do. Decides by the Status object that the server sends with an error (its reason, details and causes),
// not by the number alone, since proxies answer with numbers too. Knows no transport.
// Invariant: 'refused' is said only where the server itself says that it did not apply a write.

import { isJson, parseJson } from '../../common/json.ts';
import { printable } from '../../common/printable.ts';
import type { Failure } from '../../kube-api/failure.ts';
import type { Answer } from '../../kube-api/transport.ts';
import type { Trouble, WriteFailure } from '../lock.ts';
import { collectionOf, type Named } from './object.ts';

export type Doing = 'read' | 'create' | 'update' | 'watch' | 'list' | 'patch';

/** What a message needs to know of the lock. */
export interface Subject {
  readonly shape: Named;
  readonly namespace: string;
  readonly name: string;
  readonly where: string;
}

/** The parts of a metav1.Status that are decided on. */
interface Status {
  readonly reason: string;
  readonly message: string;
  readonly kind: string;
  readonly name: string;
  readonly retryAfterSeconds: number | undefined;
  readonly causes: readonly { readonly reason: string; readonly field: string }[];
}

/** Whether a 404 speaks of the lock itself, and not of a path, an API group or a namespace that is not there. */
export function isAbsent(answer: Answer, { shape, name }: Subject): boolean {
  const status = answer.status === 404 ? statusOf(answer.text) : undefined;
  return status?.kind === shape.resource && status.name === name;
}

/** What the server says to people beside its answer (RFC 7234, 5.5: `299 - "text"`). */
export function warningsIn({ headers }: Answer): string[] {
  const found = (headers.warning ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, text = '']) => printable(text.replaceAll(/\\(.)/g, '$1')));
}

export function readTrouble(reply: Answer | Failure, doing: Doing, subject: Subject): Trouble {
  return reply.kind === 'failed' ? failureTrouble(reply, doing, subject) : answerTrouble(reply, doing, subject);
}

/** The server takes a write, and would store something else. */
export function alteredTrouble(what: string, subject: Subject): Trouble {
  return {
    cause: 'altered',
    message: `${attempted('update', subject)}: the server would store something else (${what}); exempt it from the mutating policy or webhook that changes it`,
  };
}

/** For all answers to a write, or to the rehearsal of one, but success. */
export function failedWrite(reply: Answer | Failure, doing: 'create' | 'update', subject: Subject): WriteFailure {
  if (reply.kind === 'failed')
    return { kind: reply.sent ? 'unknown' : 'refused', trouble: failureTrouble(reply, doing, subject) };
  if (isConflict(reply, doing)) return { kind: 'conflict', message: answerTrouble(reply, doing, subject).message };
  const trouble = answerTrouble(reply, doing, subject);
  return { kind: trouble.cause === 'server' || trouble.cause === 'garbled' ? 'unknown' : 'refused', trouble };
}

/**
 * 409 also stands for a Lease that was deleted and made again ("Precondition failed: UID") and for one that exists
 * already. A creation by PUT meets an existing Lease with 422: it gives no resourceVersion to replace it at.
 */
function isConflict(answer: Answer, doing: Doing): boolean {
  const status = statusOf(answer.text);
  if (status === undefined) return false;
  if (answer.status === 409) return true;
  if (answer.status === 404) return doing === 'update' && status.kind !== 'namespaces';
  return (
    answer.status === 422 &&
    doing === 'create' &&
    status.causes.some(({ field }) => field === 'metadata.resourceVersion')
  );
}

function failureTrouble({ cause, detail }: Failure, doing: Doing, subject: Subject): Trouble {
  const advice = {
    untrusted: '; check certificate-authority and tls-server-name of the configuration',
    outdated: '; is the clock of this machine right?',
    credentials: '; the request was not sent',
    unusable: '; the request was not sent',
  } as Partial<Record<Trouble['cause'], string>>;
  return { cause, message: `${attempted(doing, subject)}: ${detail}${advice[cause] ?? ''}` };
}

function answerTrouble(answer: Answer, doing: Doing, subject: Subject): Trouble {
  const status = statusOf(answer.text);
  const cause = causeOf(answer.status, status);
  const came =
    cause === 'garbled'
      ? glimpse(answer)
      : `${String(answer.status)} ${printable(status?.message ?? '') || 'without a reason'}`;
  const retryAfterMs = retryAfter(answer, status);
  const hint = isNoApi(answer, status) ? noApi(subject) : advice(cause, doing, status, subject);
  const message = `${attempted(doing, subject)}: ${came}${hint}`;
  return { cause, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** A path that no API server serves: a base path that is wrong, or an API that is switched off. */
function isNoApi({ status: code }: Answer, status: Status | undefined): boolean {
  return code === 404 && status === undefined;
}

function noApi({ shape, namespace }: Subject): string {
  return (
    `; there is nothing at ${collectionOf(shape, namespace)} below the server's address: ` +
    `is its path right, and does the server know ${shape.apiVersion}?`
  );
}

function causeOf(code: number, status: Status | undefined): Trouble['cause'] {
  if (code === 401) return 'unauthorized';
  if (code === 429) return 'throttled';
  if (code >= 500) return 'server';
  // Below here only the API server's own word counts: a proxy's page may carry any number.
  if (status === undefined) return code === 403 ? 'forbidden' : 'garbled';
  if (code === 403)
    return status.causes.some(({ reason }) => reason === 'NamespaceTerminating') ? 'namespace-ending' : 'forbidden';
  if (code === 404 && status.kind === 'namespaces') return 'no-namespace';
  return code >= 400 ? 'invalid' : 'garbled';
}

function attempted(doing: Doing, { shape, namespace, name, where }: Subject): string {
  if (doing === 'list') return `cannot list the ${shape.resource} of namespace ${namespace} at ${where}`;
  return `cannot ${doing} ${shape.kind.toLowerCase()} ${namespace}/${name} at ${where}`;
}

function advice(
  cause: Trouble['cause'],
  doing: Doing,
  status: Status | undefined,
  { shape, namespace, name }: Subject,
): string {
  switch (cause) {
    case 'forbidden': {
      // RBAC names the verb; an admission webhook forbids too, and no Role helps against that.
      const verb =
        status === undefined ? doing.replace('read', 'get') : /cannot (\w+) resource/.exec(status.message)?.[1];
      if (verb === undefined) return '';
      return (
        `; the verb ${verb} on ${shape.resource} is missing: allow {apiGroups: ["${shape.group}"], resources: [${shape.resource}], ` +
        `${allowed(verb, shape, name)}} in a Role of namespace ${namespace}`
      );
    }
    case 'unauthorized':
      return '; the credentials are not accepted';
    case 'no-namespace':
      return `; create the namespace ${namespace}, or choose another with --namespace`;
    case 'namespace-ending':
      return `; the namespace ${namespace} is being deleted`;
    case 'garbled':
      return '; is this a Kubernetes API server?';
    default:
      return '';
  }
}

/** What a rule has to say besides the resource. */
function allowed(verb: string, { createsByPut, namedByRun, verbs }: Named, name: string): string {
  const all = 'get, create, update, watch';
  if (verbs !== undefined) return `verbs: [${verbs.join(', ')}]`;
  // Of all, whatever their names.
  if (verb === 'list') return 'verbs: [list]';
  if (namedByRun === true) return `verbs: [${all}]`;
  if (createsByPut) return `resourceNames: [${name}], verbs: [${all}]`;
  // A creation by POST carries no name.
  return verb === 'create' ? 'verbs: [create]' : `resourceNames: [${name}], verbs: [get, update, watch]`;
}

function statusOf(text: string): Status | undefined {
  const value = parseJson(text);
  if (!isJson(value) || value['kind'] !== 'Status') return undefined;
  const details = isJson(value['details']) ? value['details'] : {};
  const causes = Array.isArray(details['causes']) ? (details['causes'] as unknown[]) : [];
  const seconds = details['retryAfterSeconds'];
  return {
    reason: textOf(value['reason']),
    message: textOf(value['message']),
    kind: textOf(details['kind']),
    name: textOf(details['name']),
    retryAfterSeconds: typeof seconds === 'number' ? seconds : undefined,
    causes: causes.filter(isJson).map((cause) => ({ reason: textOf(cause['reason']), field: textOf(cause['field']) })),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function retryAfter({ headers }: Answer, status: Status | undefined): number | undefined {
  const seconds = Number(headers['retry-after'] ?? status?.retryAfterSeconds ?? Number.NaN); // A date there is not understood.
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

function glimpse({ status, headers, text }: Answer): string {
  const type = printable(headers['content-type'] ?? 'nothing said', 64);
  return `an answer that makes no sense: ${String(status)} (${type}), beginning ${JSON.stringify(printable(text.trim(), 60))}`;
}
