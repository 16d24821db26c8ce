// A service that works only while it leads, as a library user writes it. Run it twice: the second one stands by.
//   node examples/library/service.mjs [folder]          a local lock, in a folder
//   node examples/library/service.mjs --lease ns/name   a Lease, with the kubeconfig or the pod's service account
import os from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { LeaderElector, openLock } from 'leader-run';

const [first = '.leader-run', second = 'default/example'] = process.argv.slice(2);
const [namespace, name] = second.split('/');
const store = first === '--lease' ? { kind: 'kube', lockKind: 'lease' } : { kind: 'local', folder: first };
const { lock } = await openLock({ store, namespace, name });

const elector = new LeaderElector({
  lock,
  identity: `${os.hostname()}_${process.pid}`,
  leaseDurationMs: 15_000,
  callbacks: {
    onStartedLeading: async ({ token, signal }) => {
      console.log(`leading with token ${token.value}`);
      while (!signal.aborted) {
        // One piece of work, short against the lost grace; hand token.value to whatever it writes to.
        await pause(100, undefined, { signal }).catch(() => undefined);
      }
    },
    onStoppedLeading: (why) => console.log(`no longer leading: ${why}`),
    onNewLeader: (leader) => console.log(`leader: ${leader}`),
  },
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => elector.stop());

// A lost term is over for good; campaign again for the next one.
while ((await elector.run()) !== 'stopped');
elector.close();
