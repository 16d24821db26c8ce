// A Dockerfile, carried out without a container engine: each stage is a folder, into which the steps of the file itself
// copy and run. A base image is a function that puts into the folder what the test needs of it. RUN is done by the
// machine's shell, with the stage's folder in place of its root, and with stand-ins for what would need a network: npm ci
// takes this checkout's packages, apt-get the machine's own programs.
// To check: a step that is not understood fails, rather than being left out; nothing is written beside the folder.

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyProgram, whereIs } from './small-root.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

export interface Image {
  readonly root: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

interface Stage extends Image {
  readonly folder: string;
}

/** One step a line, without comments. */
export function stepsOf(file: string): { word: string; rest: string }[] {
  const text = readFileSync(join(checkout, file), 'utf8').replace(/^#.*\n/gm, '').replaceAll('\\\n', '');
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [, word = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    return { word, rest };
  });
}

/** `node`: what stands for Node's own images; it is also the Node that the steps run. */
export function buildImage(
  file: string,
  folder: string,
  node: string,
  bases: Readonly<Record<string, (root: string) => void>>,
): Image {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const { word, rest } of stepsOf(file)) {
    if (word === 'FROM') {
      const [, image = '', name = 'last'] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      const base = bases[image];
      if (base === undefined) throw new Error(`${file}: nothing stands for the image ${image}`);
      stage = { root: join(folder, name), user: '0', entrypoint: [], command: [], folder: '/' };
      mkdirSync(stage.root, { recursive: true });
      base(stage.root);
    } else if (stage === undefined) throw new Error(`${file} does not begin with FROM`);
    else stage = after(stage, word, rest, { stages, node, tools: join(folder, 'tools') });
    const { root } = stage;
    stages.set(basename(root), stage);
  }
  if (stage === undefined) throw new Error(`${file} is empty`);
  return stage;
}

interface Around {
  readonly stages: ReadonlyMap<string, Stage>;
  readonly node: string;
  readonly tools: string;
}

function after(stage: Stage, word: string, rest: string, around: Around): Stage {
  switch (word) {
    case 'WORKDIR':
      mkdirSync(join(stage.root, rest), { recursive: true });
      return { ...stage, folder: rest };
    case 'COPY':
      copy(stage, rest, around.stages);
      return stage;
    case 'RUN':
      run(stage, rest, around);
      return stage;
    case 'USER':
      return { ...stage, user: rest };
    case 'ENTRYPOINT':
      return { ...stage, entrypoint: JSON.parse(rest) as string[] };
    case 'CMD':
      return { ...stage, command: JSON.parse(rest) as string[] };
    default:
      throw new Error(`${word} is not known here: ${rest}`);
  }
}

/** As Docker copies: a folder's content, a file under its name where the target ends with a slash. */
function copy(stage: Stage, rest: string, stages: ReadonlyMap<string, Stage>): void {
  const [, name, words = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? [];
  const from = name === undefined ? checkout : stages.get(name)?.root;
  if (from === undefined) throw new Error(`there is no stage ${String(name)}`);
  const sources = words.split(' ');
  const target = sources.pop() ?? '';
  for (const source of sources) {
    const whole = join(from, source);
    const isFolder = statSync(whole).isDirectory();
    const to = join(stage.root, target.startsWith('/') ? '' : stage.folder, target);
    cpSync(whole, !isFolder && target.endsWith('/') ? join(to, basename(source)) : to, { recursive: true });
  }
}

function run(stage: Stage, line: string, { node, tools }: Around): void {
  const npm = join(tools, 'npm');
  if (!existsSync(npm)) {
    mkdirSync(tools, { recursive: true });
    const build = 'exec node scripts/build.mjs';
    writeFileSync(npm, `#!/bin/sh\ncase "$*" in 'ci --ignore-scripts') ;; 'run build') ${build} ;; *) exit 1 ;; esac\n`);
    writeFileSync(join(tools, 'apt-get'), '#!/bin/sh\n');
    for (const tool of [npm, join(tools, 'apt-get')]) chmodSync(tool, 0o755);
  }
  for (const [, program = ''] of line.matchAll(/apt-get install[ \w-]* (\w+)(?= *(?:&&|$))/g)) {
    for (const each of [program, `${program}-static`]) copyProgram(stage.root, whereIs(each), `/usr/bin/${each}`);
  }
  if (line.includes('npm ci')) symlinkSync(join(checkout, 'node_modules'), join(stage.root, stage.folder, 'node_modules'));
  const inside = line.replaceAll(/(?<=^|\s)\/(?=(?:opt|src|usr|var)\/)/g, `${stage.root}/`);
  const env = { PATH: `${tools}:${dirname(node)}:${process.env['PATH'] ?? ''}` };
  const { status, stderr } = spawnSync('sh', ['-e', '-c', inside], {
    cwd: join(stage.root, stage.folder),
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${line}\nends with ${String(status)}: ${stderr}`);
}
