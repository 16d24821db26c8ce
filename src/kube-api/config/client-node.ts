// The only import of the Kubernetes client, whose KubeConfig turns a kubeconfig's user with a password into headers.
// What else a user may have, it understands otherwise than kubectl, and is done beside (user.ts, pem.ts,
// exec-plugin.ts). Knows nothing of files and requests.
// Invariant: it is loaded only for a user that needs it, since that costs 11 ms and 7 MB.

import type { RequestOptions } from 'node:https';
import { type Credentials, CredentialsError, errorCode } from '../credentials.ts';

/** What the client makes of a kubeconfig's user. It is given that user alone, since it reads whole files otherwise. */
export async function askClient(user: Readonly<Record<string, unknown>>): Promise<() => Promise<Credentials>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(
    JSON.stringify({
      'current-context': 'chosen',
      contexts: [{ name: 'chosen', context: { cluster: 'chosen', user: 'chosen' } }],
      // Only so that the client finds one: it makes an agent for it, which is never used.
      clusters: [{ name: 'chosen', cluster: { server: 'https://chosen.invalid' } }],
      users: [{ name: 'chosen', user }],
    }),
  );
  return async () => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new CredentialsError(`the kubeconfig's user gives no credentials: ${errorCode(error)}`);
    }
    return credentialsOf(options);
  };
}

function credentialsOf({ headers = {}, auth }: RequestOptions): Credentials {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') all[name.toLowerCase()] = value;
  }
  if (typeof auth === 'string') all['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  return { headers: all };
}
