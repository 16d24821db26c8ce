#!/bin/sh
# A worker that must not run twice. It works in small steps, and when it is told to stop (SIGTERM), it finishes the
# step it is at. Try it on one machine, in two terminals:
#
#   leader-run --local --lock demo/worker -- ./worker.sh

stopping=
trap 'stopping=1' TERM INT

echo "working with token $LEADER_RUN_TOKEN"
while [ -z "$stopping" ]; do
  sleep 0.2
done
echo 'told to stop: finishing the step'
sleep 0.5
echo 'finished'
