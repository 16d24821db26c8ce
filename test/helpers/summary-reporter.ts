// The end of every test run, for people and for CI: each skipped test with its reason, then, as the very last line,
// `N passed, N failed, N skipped`. Decides what counts as failed: failed tests, files and suites whose own code or
// hooks failed, and errors that nobody caught, so that no failed run ends in `0 failed`.
// To check: the counts add up to all tests collected, plus the failures that were no tests.
import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  #ending = '';

  onInit(): void {
    // Other reporters and global teardowns print after onTestRunEnd; the last line is for whoever reads only that.
    process.once('exit', () => writeSync(1, this.#ending));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    this.#ending = summary(modules, unhandled.length);
  }
}

export function summary(modules: readonly TestModule[], unhandled: number): string {
  const counts = { passed: 0, failed: unhandled, skipped: 0, pending: 0 };
  const skipped: string[] = [];
  for (const module of modules) {
    if (brokeItself(module)) counts.failed += 1;
    for (const suite of module.children.allSuites()) if (brokeItself(suite)) counts.failed += 1;
    for (const test of module.children.allTests()) {
      const result = test.result();
      counts[result.state] += 1;
      if (result.state !== 'skipped') continue;
      const reason = result.note ?? 'no reason given; its file or the servers line above says when it is skipped';
      skipped.push(`SKIPPED ${test.project.name}: ${module.relativeModuleId} > ${test.fullName}: ${reason}\n`);
    }
  }
  // A test that never ended is no success, whatever stopped the run.
  const failed = counts.failed + counts.pending;
  const line = `${String(counts.passed)} passed, ${String(failed)} failed, ${String(counts.skipped)} skipped\n`;
  return `${skipped.join('')}${line}`;
}

function brokeItself(task: TestModule | TestSuite): boolean {
  return task.errors().length > 0;
}
