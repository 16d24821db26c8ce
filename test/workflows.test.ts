// The workflows of .github/, checked by actionlint, which is built from test/workflows/go.mod; and what it does not
// check: that each action is pinned, that each job names its rights, and that the issue forms are forms.
// To check: without Go the first test is skipped; with CI set it fails instead.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { goTool, runTool, ToolMissing } from './helpers/go-tool.ts';

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly permissions?: unknown }>>;
}

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string };
}

interface Form {
  readonly body: readonly Field[];
}

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, '.github/workflows');
const workflows = readdirSync(folder).map((name) => ({ name, text: readFileSync(path.join(folder, name), 'utf8') }));

/** A first build takes half a minute, and longer where the modules have to be fetched. */
const longestBuildMs = 10 * 60_000;

test('actionlint finds no fault in the workflows', { timeout: longestBuildMs }, async (context) => {
  let actionlint: string;
  try {
    const dir = path.join(import.meta.dirname, 'workflows');
    actionlint = await goTool({ dir, package: 'github.com/rhysd/actionlint/cmd/actionlint', name: 'actionlint' });
  } catch (error) {
    const { CI: ci = '' } = process.env;
    if (!(error instanceof ToolMissing) || (ci !== '' && ci !== 'false')) throw error;
    return context.skip(error.message);
  }
  // Without the two programs that it runs where it finds them, so that it says the same on each machine.
  const files = workflows.map(({ name }) => path.join(folder, name));
  expect(await runTool(root, [actionlint, '-no-color', '-shellcheck=', '-pyflakes=', ...files])).toBe('');
});

describe.each(workflows)('$name', ({ text }) => {
  test('pins each action by its commit, with the version beside it', () => {
    const actions = [...text.matchAll(/\buses: (.*)/g)].map(([, action = '']) => action);
    expect(actions.length).toBeGreaterThan(0);
    const others = actions.filter((action) => !action.startsWith('./'));
    expect(others.filter((action) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
  });

  test('names the rights of each job', () => {
    const { permissions, jobs } = load(text) as Workflow;
    const without = Object.entries(jobs).filter(([, job]) => (job.permissions ?? permissions) === undefined);
    expect(without).toEqual([]);
  });
});

describe('ci.yml', () => {
  const { text } = workflows.find(({ name }) => name === 'ci.yml') ?? { text: '' };

  test('begins with the oldest Node that the package allows', () => {
    const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    const [, oldest = ''] = /\bnode: \[(\d+), /.exec(text) ?? [];
    expect(engines.node).toMatch(new RegExp(`^>=${oldest}\\.`));
  });

  test('runs what a fresh machine runs', () => {
    expect(text).toMatch(/run: .* \.ci\/run$/m);
  });
});

describe('the issue forms', () => {
  const forms = path.join(root, '.github/ISSUE_TEMPLATE');
  const names = readdirSync(forms).filter((name) => name !== 'config.yml');

  test.each(names)('%s has a name, a description and fields that differ', (name) => {
    const form = load(readFileSync(path.join(forms, name), 'utf8')) as Form;
    expect(form).toMatchObject({ name: expect.any(String) as string, description: expect.any(String) as string });
    const asked = form.body.filter(({ type }) => type !== 'markdown');
    expect(asked.filter(({ id, attributes }) => id === undefined || attributes.label === undefined)).toEqual([]);
    expect(new Set(asked.map(({ id }) => id)).size).toBe(asked.length);
    const types = ['markdown', 'input', 'textarea', 'dropdown', 'checkboxes'];
    expect(form.body.filter(({ type }) => !types.includes(type))).toEqual([]);
  });
});
