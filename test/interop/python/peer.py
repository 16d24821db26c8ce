# What it decides: how a candidate with the Python client's own elector behaves that runs a command while it leads. It
# uses that elector exactly as it is: it can neither be stopped nor give a lock back, so ending is leaving.
# What it does not know: leader-run's rules.
# To check: it never exits before its command has ended, and every line that it prints itself is one JSON object.
import argparse
import json
import queue
import subprocess
import sys
import threading
from datetime import datetime, timezone
from signal import SIGTERM, signal

from kubernetes import config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


def main():
    options = parse()
    config.load_kube_config(options.kubeconfig)
    namespace, name = options.lock.split("/")
    kind = {"configmaps": ConfigMapLock, "leases": LeaseLock}[options.lock_kind]
    lock = telling(kind)(name, namespace, options.identity)
    command = Command(options.command)
    elector = leaderelection.LeaderElection(
        electionconfig.Config(
            lock,
            options.lease_duration,
            options.renew_deadline,
            options.retry_period,
            onstarted_leading=command.run,
            onstopped_leading=command.stop,
        )
    )
    signal(SIGTERM, lambda *_: command.asked.put("to stop"))
    # It runs for as long as the process does; the main thread has to be free for signals.
    threading.Thread(target=elector.run, daemon=True).start()
    command.asked.get()
    sys.exit(command.stop())


def parse():
    parser = argparse.ArgumentParser()
    for name in ("kubeconfig", "lock", "lock-kind", "identity"):
        parser.add_argument(f"-{name}", required=True)
    for name in ("lease-duration", "renew-deadline", "retry-period"):
        parser.add_argument(f"-{name}", type=float, required=True, help="seconds")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    # The Lease wants whole seconds, and the elector writes what it is given.
    options.lease_duration = int(options.lease_duration)
    return options


# The elector has no callback for a new leader.
def telling(kind):
    class Telling(kind):
        leader = None

        def get(self, name, namespace):
            found, record = super().get(name, namespace)
            leader = record.holder_identity if found and record else None
            if leader != self.leader:
                self.leader = leader
                say("new-leader", leader=leader)
            return found, record

    return Telling


class Command:
    def __init__(self, argv):
        self.argv = argv
        self.asked = queue.SimpleQueue()
        self.turn = threading.Lock()
        self.child = None
        self.refused = False

    def run(self):
        with self.turn:
            if self.refused:
                return
            self.child = subprocess.Popen(self.argv)
        say("child-started", pid=self.child.pid)
        say("child-ended", status=status_of(self.child))
        self.asked.put("to leave")

    def stop(self):
        with self.turn:
            self.refused = True
        if self.child is None:
            return 0
        if self.child.poll() is None:
            say("child-asked")
            self.child.terminate()
        return status_of(self.child)


def status_of(child):
    status = child.wait()
    return status if status >= 0 else 128 - status


def say(event, **more):
    at = datetime.now(timezone.utc).isoformat()
    print(json.dumps({"event": event, "at": at, **more}), file=sys.stderr, flush=True)


main()
