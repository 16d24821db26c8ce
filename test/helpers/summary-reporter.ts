// The end of every test run, for people and for CI, who may see no more than that: each skipped test with its reason,
// each failure in one line, and as the very last line `N passed, N failed, N skipped`. Decides what counts as failed:
// failed tests, files and suites whose own code or hooks failed, and errors that nobody caught, so that no failed run
// ends in `0 failed`.
// To check: the counts add up to all tests collected, plus the failures that were no tests.
import { writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  #ending = '';

  onInit(): void {
    // Other reporters and global teardowns print after onTestRunEnd; the last line is for whoever reads only that.
    process.once('exit', () => writeSync(1, this.#ending));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    this.#ending = summary(modules, unhandled);
  }
}

export function summary(modules: readonly TestModule[], unhandled: readonly SerializedError[]): string {
  const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
  const told: string[] = [];
  const fails = (where: string, errors: readonly { message: string }[]) => {
    counts.failed += 1;
    told.push(`FAILED ${inOneLine(where)}: ${errors.map(({ message }) => inOneLine(message)).join(' AND ')}\n`);
  };
  for (const error of unhandled) fails('no test: an error that nobody caught', [error]);
  for (const module of modules) {
    const file = `${module.project.name}: ${module.relativeModuleId}`;
    if (module.errors().length > 0) fails(file, module.errors());
    for (const suite of module.children.allSuites())
      if (suite.errors().length > 0) fails(`${file} > ${suite.fullName}`, suite.errors());
    for (const test of module.children.allTests()) {
      const result = test.result();
      const name = `${file} > ${test.fullName}`;
      if (result.state === 'failed') {
        fails(name, result.errors);
        continue;
      }
      counts[result.state] += 1;
      if (result.state === 'skipped') {
        const reason = result.note ?? 'no reason given; its file or the servers line above says when it is skipped';
        told.push(`SKIPPED ${inOneLine(name)}: ${reason}\n`);
      }
      // A test that never ended is no success, whatever stopped the run.
      if (result.state === 'pending') told.push(`FAILED ${inOneLine(name)}: it did not end\n`);
    }
  }
  const failed = counts.failed + counts.pending;
  const line = `${String(counts.passed)} passed, ${String(failed)} failed, ${String(counts.skipped)} skipped\n`;
  return `${told.join('')}${line}`;
}

function inOneLine(text: string): string {
  const line = stripVTControlCharacters(text).replaceAll(/\s+/g, ' ');
  return line.length > 600 ? `${line.slice(0, 600)} ...` : line;
}
