// What a verb is run with in a test: an environment, and a desk at which no signal arrives but the test's own stop.
// Decides nothing; what is printed at once goes to the test.
import type { Context } from '../../src/commands/command.ts';
import { verbs } from '../../src/commands/verbs.ts';

interface Given {
  readonly env: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal;
  readonly print?: (text: string) => void;
}

export function verbContext({ env, stop, print = () => undefined }: Given): Omit<Context, 'words'> {
  return {
    env,
    version: '1.2.3',
    desk: {
      stop: stop ?? new AbortController().signal,
      asked: () => undefined,
      attach: () => undefined,
      reportTo: () => undefined,
      reraise: () => undefined,
    },
    print,
    verbs,
  };
}
