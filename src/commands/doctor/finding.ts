// What a check has found, and how findings are shown: sections with a line for each check, or one object of JSON.
// Decides marks, indents and the last line. Does not know what is checked.
// Invariant: a check that was left out counts neither as passed nor as failed.

export type Section = 'cluster' | 'rights' | 'lock' | 'here';

export interface Finding {
  readonly section: Section;
  /** For programs; documented in docs/doctor.md. */
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'FAIL' | 'skip';
  readonly text: string;
  /** What to change, as it can be used: rules of a Role, or a sentence. A line each. */
  readonly fix?: string | undefined;
}

export type Judged = Omit<Finding, 'section'>;

export function inSection(section: Section, judged: readonly Judged[]): Finding[] {
  return judged.map((one) => ({ section, ...one }));
}

export function hasFailed({ verdict }: Finding): boolean {
  return verdict === 'FAIL';
}

export function sectionText(section: Section, findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ verdict, text, fix }) => [
    `  ${verdict.padEnd(4)}  ${text}`,
    ...(fix?.split('\n') ?? []).map((line) => `        ${line}`),
  ]);
  return lines.length === 0 ? '' : `${[section, ...lines].join('\n')}\n`;
}

export function lastLine(findings: readonly Finding[]): string {
  const made = findings.filter(({ verdict }) => verdict !== 'skip').length;
  const failed = findings.filter(hasFailed).length;
  return failed === 0 ? `all ${made} checks passed\n` : `${failed} of ${made} checks failed\n`;
}

/** `lock`: its full name. */
export function jsonOf(lock: string, findings: readonly Finding[]): string {
  const checks = findings.map(({ section, name, verdict, text, fix }) => {
    return { section, name, verdict: verdict.toLowerCase(), text, fix };
  });
  return `${JSON.stringify({ lock, ok: !findings.some(hasFailed), checks })}\n`;
}
