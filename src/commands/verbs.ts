// Which verbs there are, and which one a command line names. Decides that a verb is the first word of all, as it
// stands: a program of such a name is run behind --, or behind an option. What a verb does is its own file's.
// Invariant: a name of this list, as the first word, never runs a program.

import type { Ending } from '../cli/exit-status.ts';
import type { Command, Context } from './command.ts';
import type { Printed } from './look.ts';
import { help, version } from './print.ts';
import { run } from './run.ts';
import { runTakes } from '../cli/arguments.ts';

const status: Command = {
  name: 'status',
  summary: 'who holds a lock, and what ran under it',
  usage: '[lock...] [options]',
  about: `Shows who holds a lock, since when, and what ran under it; without a lock all
of the namespace. Ages that rest on another machine's clock are marked with ~.

  leader-run status -n ops
  leader-run status --lock ops/nightly --max-age 26h || page-someone

Exit status: 0; 1 if there is no such lock or the answer is no; 125 if unknown.`,
  takes: ['lock', 'form', 'show', 'status'],
  run: async (context) => answered(await (await import('./deeds.ts')).status(context), status, context),
};

const keys: Command = {
  name: 'keys',
  summary: 'what --once-per has run; forget KEY, mark KEY',
  usage: '[forget <key> | mark <key>] [options]',
  about: `Lists the keys that a lock remembers, the newest first. "forget" lets a key run
again, "mark" counts it as done. Needs the rights of a candidate.

  leader-run keys --lock ops/migrate
  leader-run keys --lock ops/migrate forget v42

Exit status: 0; 1 if the lock or the key does not exist, or the key is
running; 125 if it cannot be told.`,
  takes: ['lock', 'form', 'show'],
  words: ['forget', 'mark'],
  run: async (context) => answered(await (await import('./deeds.ts')).keys(context), keys, context),
};

const next: Command = {
  name: 'next',
  summary: 'the coming ticks of a cron line, by both clocks',
  usage: "'<cron line>' [options]",
  about: `Shows when a cron line comes next, by the clock of its zone and in UTC, with a
remark where a night of daylight saving changes something.

  leader-run next '30 2 * * *' --timezone Europe/Berlin --from 2026-10-24

Exit status: 0; 125 for a line that means nothing or never comes.`,
  takes: ['tick', 'form', 'show', 'next'],
  run: async (context) => answered((await import('./deeds.ts')).next(context), next, context),
};

const doctor: Command = {
  name: 'doctor',
  summary: 'whether a run could do its work, before it does',
  usage: '[options of the run] [-- <command>]',
  about: `Judges the cluster, the rights, the lock and this machine, for the options that
the run will be given. Names the rule of a Role for each right that is missing.
Writes nothing, and takes no lock.

  leader-run doctor --lock ops/nightly --stop-grace 45s -- ./nightly.sh

Exit status: 0, also with warnings; 1 if a check failed; 125 if it cannot be
told.`,
  takes: [...runTakes, 'form', 'judge'],
  run: async (context) => answered(await (await import('./deeds.ts')).doctor(context), doctor, context),
};

const stepDown: Command = {
  name: 'step-down',
  summary: 'ask the holder of a lock to hand over',
  usage: '[options]',
  about: `Asks the holder to end its command, release the lock and stay back for a lease,
and waits for the next one. Needs get and update of the lock.

  leader-run step-down --lock ops/nightly --reason "kernel update on node 7"

Exit status: 0 once another leads, or if nobody does; 1 if the holder is not a
leader-run, did not hand over in time, or nobody followed; 125 if it cannot
be told.`,
  takes: ['lock', 'ask', 'to'],
  run: async (context) => answered(await (await import('./deeds.ts')).stepDown(context), stepDown, context),
};

const pause: Command = {
  name: 'pause',
  summary: 'keep all candidates from a lock until resume',
  usage: '[options]',
  about: `Ends what runs under a lock, and keeps all leader-runs from taking it until
resume, or --until. Needs get and update of the lock.

  leader-run pause --lock ops/nightly --until 2026-11-27T06:00:00Z --reason move

Exit status: 0 once nothing runs; 1 if the lock does not exist, or its holder
is not a leader-run or did not end in time; 125 if it cannot be told.`,
  takes: ['lock', 'ask', 'until'],
  run: async (context) => answered(await (await import('./deeds.ts')).pause(context), pause, context),
};

const resume: Command = {
  name: 'resume',
  summary: 'end a pause',
  usage: '[options]',
  about: `Ends a pause: a candidate takes the lock at once.

  leader-run resume --lock ops/nightly

Exit status: 0, also if nothing is paused; 1 if the lock does not exist; 125
if it cannot be told.`,
  takes: ['lock'],
  run: async (context) => answered(await (await import('./deeds.ts')).resume(context), resume, context),
};

const runNow: Command = {
  name: 'run',
  summary: 'run the command of a schedule once, now',
  usage: '[options]',
  about: `Asks the holder of a schedule to run its command once, as soon as no tick is due
and none runs. Needs get and update of the lock.

  leader-run run --lock ops/nightly --follow

Exit status: 0 once it has begun, or with --follow succeeded; 1 if it has not,
the lock is paused or has no schedule; 125 if it cannot be told.`,
  takes: ['lock', 'ask', 'follow'],
  run: async (context) => answered(await (await import('./deeds.ts')).runNow(context), runNow, context),
};

const manifest: Command = {
  name: 'manifest',
  summary: 'the objects for kubectl apply that run a command under a lock',
  usage: '--image <ref> [options] -- <command> [args...]',
  about: `Prints what a cluster needs to run the command under the lock: a service
account with the rights that these options need and no others, and a
Deployment, or with --once-per-tick a CronJob. Asks no cluster. The image must
start leader-run, as examples/docker/Dockerfile does.

  leader-run manifest --lock ops/nightly --image registry.example.com/app:1.4 \\
    --schedule '0 3 * * *' -- ./nightly.sh | kubectl apply -f -

Options of a run go into the container's arguments as they are given; their
variables do not. $(POD_NAME) in them is the pod's name, and each other $ stays
as it stands.

Exit status: 0; 125 for options that cannot be meant.`,
  takes: [...runTakes, 'form', 'manifest'],
  run: async (context) => answered(await (await import('./deeds.ts')).manifest(context), manifest, context),
};

const completion: Command = {
  name: 'completion',
  summary: 'a script that completes words in bash, zsh or fish',
  usage: 'bash | zsh | fish',
  about: `Prints a script for a shell. It completes verbs, options, values, contexts of
the kubeconfig, and then the command's own words. It asks no cluster.

  source <(leader-run completion bash)       # in ~/.bashrc
  source <(leader-run completion zsh)        # in ~/.zshrc, below compinit
  leader-run completion zsh > ~/.zfunc/_leader-run      # a folder in fpath
  leader-run completion fish > ~/.config/fish/completions/leader-run.fish

In bash 3.2, which macOS has: eval "$(leader-run completion bash)".

Exit status: 0; 125 for another shell.`,
  takes: [],
  words: ['bash', 'zsh', 'fish'],
  run: async (context) => answered(await (await import('./deeds.ts')).completion(context), completion, context),
};

export const verbs: readonly Command[] = [
  ...[help, version, status, keys, next, doctor],
  ...[stepDown, pause, resume, runNow],
  ...[manifest, completion],
];

/** Each verb has a help of its own. */
async function answered(ending: Ending | Printed, verb: Command, context: Context): Promise<Ending> {
  if (ending.kind === 'version') return await version.run(context);
  if (ending.kind !== 'help') return ending;
  const { verbHelp } = await import('./deeds.ts');
  return { kind: 'answered', text: verbHelp(verb) };
}

export function chosen(words: readonly string[]): { readonly command: Command; readonly words: readonly string[] } {
  const [first, ...behind] = words;
  const verb = verbs.find(({ name }) => name === first);
  return verb === undefined ? { command: run, words } : { command: verb, words: behind };
}
