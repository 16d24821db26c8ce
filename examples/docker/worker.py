# A worker that must not run twice, in Python: it finishes the step it is at when it is told to stop (SIGTERM).
import os
import signal
import threading

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())

print('working with token', os.environ['LEADER_RUN_TOKEN'], flush=True)
while not stopping.wait(0.2):
    pass  # One step.
print('told to stop: finished', flush=True)
