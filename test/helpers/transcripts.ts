// The transcripts of a page of docs/: each command line behind `$`, and what it prints, for tests that run them again.
// Decides what may differ between the page and a run: how long something took, and what `...` stands for.
// Knows no verb. To check: a line that the page does not show, or shows otherwise, fails.
import { readFileSync } from 'node:fs';

export interface Turn {
  readonly line: string;
  readonly output: readonly string[];
}

/** `page`: from the root, as in docs/steering.md. */
export function turnsOf(page: string): Turn[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  const transcripts = [...text.matchAll(/^```\n(\$ .*?)^```$/gms)].map(([, its = '']) => its);
  return transcripts.flatMap((its) =>
    its.split(/^\$ /m).slice(1).map((turn) => {
      const [line = '', ...output] = turn.trimEnd().split('\n');
      return { line, output };
    }),
  );
}

/** What a line of the page may be; `here`: what stands in this run for a part of it. */
export function lineOf(line: string, here: Readonly<Record<string, string>> = {}): RegExp {
  const its = Object.entries(here).reduce((text, [shown, real]) => text.replaceAll(shown, real), line);
  const pattern = its
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('\\.\\.\\.', '.*')
    .replace(/\b\d+(\\\.\d+)? (m?s|min|h)\b/g, '\\d+(\\.\\d+)? (m?s|min|h)');
  return new RegExp(`^${pattern}$`);
}
