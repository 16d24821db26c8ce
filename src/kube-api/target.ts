// What a client has to know of its API server: where it is, whom to trust there, and who we are to it. Types alone;
// what fills them in is config/. Knows no file and no kubeconfig.
// Invariant: nothing here is a secret; secrets come from `authorize` when they are needed.

import type { Authorize } from './credentials.ts';

export interface KubeTarget {
  /** With the base path, if the server has one. */
  readonly server: URL;
  /** For people: host and port. */
  readonly where: string;
  /** The context's or the service account's; undefined when neither names one. */
  readonly namespace: string | undefined;
  /** Undefined leaves it to HTTPS_PROXY and NO_PROXY. */
  readonly proxy: URL | undefined;
  readonly trust: Trust;
  readonly authorize: Authorize;
  /** To be told once at the start. */
  readonly warnings: readonly string[];
}

export interface Trust {
  /** Verify nothing (insecure-skip-tls-verify). */
  readonly insecure: boolean;
  /** The name to expect in the server's certificate when it is not the host (tls-server-name). */
  readonly serverName: string | undefined;
  /** Read anew for each connection, so that a replaced file is seen; undefined: Node's own roots. */
  readonly ca: () => Promise<string | undefined>;
  /** For people: where they come from, as of the last look. */
  readonly from?: () => string;
}
