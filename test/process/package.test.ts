// The package as npm publishes it: what is in it, what other tools say of it, and how it starts where it was installed.
// Decides nothing about installers that run no scripts; test/process/installed.test.ts does.
// To check: one tarball is packed from this checkout; all that is looked at or run comes out of it.
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Packed, pack } from '../helpers/packed.ts';

let folder: string;
let packed: Packed;
const root = path.join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { name: string };

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leader-run-package-'));
  packed = await pack(folder);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Every file of the package is of one of these kinds. */
const kinds: Readonly<Record<string, RegExp>> = {
  program: /^bin\/(leader-run\.js|compile-ahead\.js|package\.json)$/,
  'program, bundled': /^dist\/(leader-run\.js|gate-node\.js|guardian-node\.js)$/,
  'packages that few runs need': /^dist\/[\w-]+\.cjs$/,
  library: /^dist\/(index|[\w-]+-[0-9A-Z]{8})\.js$/,
  types: /^types\/([\w-]+\/)*[\w-]+\.d\.ts$/,
  licences: /^(LICENSE|dist\/THIRD-PARTY-LICENSES\.txt)$/,
  'pages for people': /^([A-Z]+\.md|docs\/[\w-]+\.(md|svg)|man\/leader-run\.1)$/,
  examples: /^examples\/[a-z]+\/[\w@.-]+$/,
  manifest: /^package\.json$/,
};

describe('the package', () => {
  test('has the program, the library, types, licences, docs and examples, and nothing else', () => {
    const filesOf = (form: RegExp): string[] => packed.files.filter((file) => form.test(file));
    const found = Object.entries(kinds).map(([kind, form]) => [kind, filesOf(form)] as const);
    expect(packed.files.filter((file) => !Object.values(kinds).some((form) => form.test(file)))).toEqual([]);
    expect(found.filter(([, files]) => files.length === 0)).toEqual([]);
    const of = Object.fromEntries(found);
    expect(of['program']).toHaveLength(3);
    expect(of['program, bundled']).toHaveLength(3);
    expect(of['types']).toContain('types/index.d.ts');
    expect(of['library']).toContain('dist/index.js');
    expect(of['licences']).toHaveLength(2);
    expect(of['examples']).toContain('examples/docker/Dockerfile');
  });

  test('has no bytecode and no sources, which would be of one Node or of none', () => {
    const unwanted = /\.cache|(?<!\.d)\.ts$|^(src|test|scripts)\/|\.map$|\.log$/;
    expect(packed.files.filter((file) => unwanted.test(file))).toEqual([]);
  });

  test('is found without fault by publint, at its strictest', async () => {
    const { buffer } = new Uint8Array(await readFile(packed.tarball));
    const { messages, pkg } = await publint({ strict: true, pack: { tarball: buffer } });
    expect(messages).toEqual([]);
    expect(pkg).toMatchObject({ name: manifest.name });
  });

  test('has types that are right wherever it can be imported', async () => {
    const { problems, types } = (await checkPackage(
      createPackageFromTarballData(new Uint8Array(await readFile(packed.tarball))),
    )) as { problems: { kind: string; resolutionKind?: string }[]; types: unknown };
    expect(types).toEqual({ kind: 'included' });
    // It is made of ES modules alone, which CommonJS can require since Node 20.19, and which is found by `exports`
    // alone, which TypeScript without a `moduleResolution` of the last years does not look at.
    expect(problems.map(({ kind, resolutionKind }) => `${kind} ${String(resolutionKind)}`).sort()).toEqual([
      'CJSResolvesToESM node16-cjs',
      'NoResolution node10',
    ]);
  });
});
