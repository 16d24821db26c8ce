// Stands in for vitest where thousands of mutants are asked in one process: the part of its API that the pure unit
// tests use, with its own `expect`. Collects the tests of the files that are imported; runner.mjs runs them.
// Invariant: a test has the same id each time that its file is imported.

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  getState,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import { fn } from '@vitest/spy';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const expect = Object.assign(
  (value, message) => chai.expect(value, message),
  chai.expect,
  globalThis[ASYMMETRIC_MATCHERS_OBJECT],
  { getState: () => getState(expect), setState: (state) => setState(state, expect) },
);
globalThis[GLOBAL_EXPECT] = expect;
setState({ assertionCalls: 0 }, expect);

/** What is being collected, and the describe() that it is in. */
let tests = [];
let suite = { names: [], before: [], after: [] };

/** The tests of what `load` imports. */
export async function collect(load) {
  tests = [];
  await load();
  return tests;
}

/** From here on the tests of this file come. */
export function enter(file) {
  suite = { names: [file], before: [], after: [] };
}

export const test = Object.assign(add, {
  each: rows((title, args, body) => add(title, () => body(...args))),
  for: rows((title, [row], body) => add(title, () => body(row)), false),
});

export const describe = Object.assign(group, {
  each: rows((title, args, body) => group(title, () => body(...args))),
});

export function beforeEach(hook) {
  suite.before.push(hook);
}

export function afterEach(hook) {
  suite.after.unshift(hook);
}

export const vi = { fn, waitFor, waitUntil };

function add(title, ...rest) {
  const body = rest.find((each) => typeof each === 'function');
  // In the order of the file: two rows may have one title.
  tests.push({ id: `${[...suite.names, title].join(' > ')} #${tests.length}`, file: suite.names[0], suite, body });
}

function group(title, ...rest) {
  const outer = suite;
  suite = { names: [...outer.names, title], before: [...outer.before], after: [...outer.after] };
  rest.find((each) => typeof each === 'function')();
  suite = outer;
}

/** Rows that are all arrays are spread, as vitest does. */
function rows(each, spread = true) {
  return (table) =>
    (title, ...rest) => {
      const body = rest.find((one) => typeof one === 'function');
      const isSpread = spread && table.every(Array.isArray);
      for (const row of table) each(title, isSpread ? row : [row], body);
    };
}

async function waitFor(look) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await look();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function waitUntil(look) {
  return waitFor(async () => {
    if (!(await look())) throw new Error('it does not come');
  });
}
