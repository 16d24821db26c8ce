// A test runner for Stryker that loads the tests of a room once and runs them in its own process, mutant by mutant:
// ten times as fast as vitest, which begins a thread for each. The unit tests of pure files leave nothing behind.
// A mutant of what runs while a file is loaded has its tests loaded anew.
// Invariant: no mutant is active while the tests of another are loaded or run.

import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import { DryRunStatus, TestStatus, toMutantRunResult } from '@stryker-mutator/api/test-runner';
import { build } from 'esbuild';
import path from 'node:path';
import { collect } from './collector.mjs';

const collector = path.join(import.meta.dirname, 'collector.mjs');
/** Of one test; one that takes longer waits for what a mutant keeps from happening. */
const limitMs = 3000;

class Runner {
  static inject = [];

  /** Where a mutated file looks which of its mutants is active. */
  #ns = (globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {});
  #bundle;
  #loads = 0;
  #tests = [];
  /** By test, how often it looked which mutant is active when it last went well: what looks seldom is asked first. */
  #usual = new Map();
  #active;
  #looks = 0;
  #limit = Infinity;

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    // Each mutated line asks this object. A circle that no await interrupts ends here and nowhere else.
    Object.defineProperty(this.#ns, 'activeMutant', {
      get: () => {
        this.#looks += 1;
        if (this.#looks > this.#limit) throw new Error('it goes in a circle');
        return this.#active;
      },
    });
    // A broken program may leave a promise that nobody awaits.
    process.on('unhandledRejection', () => undefined);
    const files = JSON.parse(process.env.LEADER_RUN_TESTS);
    this.#bundle = path.resolve(`mutated-${process.pid}.mjs`);
    const contents = [
      `import fc from 'fast-check';`,
      `import { enter } from 'vitest';`,
      // What is noticed in one run is noticed in the next.
      `fc.configureGlobal({ seed: 1 });`,
      ...files.map((file) => `enter(${JSON.stringify(file)});\nawait import(${JSON.stringify(`./${file}`)});`),
    ].join('\n');
    await build({
      stdin: { contents, resolveDir: process.cwd() },
      outfile: this.#bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
      plugins: [
        {
          name: 'vitest',
          setup: ({ onResolve }) => onResolve({ filter: /^vitest$/ }, () => ({ path: collector, external: true })),
        },
      ],
    });
  }

  async dryRun() {
    this.#tests = await this.#load();
    const tests = await this.#run(this.#tests, false);
    return { status: DryRunStatus.Complete, tests, mutantCoverage: this.#ns.mutantCoverage };
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter }) {
    // A process that Stryker begins later has to learn first what is usual.
    if (this.#tests.length === 0) await this.dryRun();
    try {
      if (mutantActivation === 'static') this.#active = activeMutant.id;
      const all = mutantActivation === 'static' ? await this.#load() : this.#tests;
      this.#active = activeMutant.id;
      const wanted = testFilter && new Set(testFilter);
      const tests = await this.#run(wanted ? all.filter(({ id }) => wanted.has(id)) : all, true);
      return toMutantRunResult({ status: DryRunStatus.Complete, tests });
    } catch (error) {
      // What cannot even be loaded is noticed by each of its tests.
      const id = testFilter?.[0] ?? 'load';
      const test = { id, name: id, timeSpentMs: 0, status: TestStatus.Failed, failureMessage: String(error) };
      return toMutantRunResult({ status: DryRunStatus.Complete, tests: [test] });
    } finally {
      this.#active = undefined;
      this.#limit = Infinity;
    }
  }

  #load() {
    this.#loads += 1;
    return collect(() => import(`${this.#bundle}?${this.#loads}`));
  }

  async #run(tests, bail) {
    const results = [];
    const usual = ({ id }) => this.#usual.get(id) ?? 0;
    for (const test of bail ? tests.toSorted((a, b) => usual(a) - usual(b)) : tests) {
      this.#ns.currentTestId = test.id;
      this.#looks = 0;
      this.#limit = bail ? 20 * usual(test) + 100_000 : Infinity;
      const from = performance.now();
      const failureMessage = await failureOf(test);
      this.#ns.currentTestId = undefined;
      const status = failureMessage === undefined ? TestStatus.Success : TestStatus.Failed;
      const timeSpentMs = performance.now() - from;
      if (status === TestStatus.Success) this.#usual.set(test.id, this.#looks);
      results.push({
        id: test.id,
        name: test.id,
        fileName: path.resolve(test.file),
        timeSpentMs,
        status,
        failureMessage,
      });
      if (bail && failureMessage !== undefined) break;
    }
    return results;
  }
}

async function failureOf({ suite, body }) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not end')), limitMs);
  });
  try {
    await Promise.race([played(suite, body), late]);
    return undefined;
  } catch (error) {
    return String(error?.message ?? error);
  } finally {
    clearTimeout(timer);
  }
}

async function played({ before, after }, body) {
  for (const hook of before) await hook();
  try {
    await body({});
  } finally {
    for (const hook of after) await hook();
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'in-process', Runner)];
