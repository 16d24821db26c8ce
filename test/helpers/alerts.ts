// The rules of examples/prometheus/alerts.yaml as tests read them, and where their programs are. Decides by how much
// their times are shortened for a real Prometheus: all in this one place, so that the rules themselves are what runs.
// To check: every time of the file is shortened, in `for`, in ranges and in thresholds; a rule with none has none.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';

export const rulesFile = path.join(import.meta.dirname, '../../examples/prometheus/alerts.yaml');

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function rules(text = readFileSync(rulesFile, 'utf8')): readonly Rule[] {
  return (load(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
}

const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
type Unit = keyof typeof units;

/** A scrape of 15 s is one of 1 s then; what takes hours, half a minute. */
export function shortSeconds(seconds: number): number {
  return Math.ceil(seconds > 3600 ? seconds / 3000 : seconds / 15);
}

const short = (count: string, unit: string): string => `${shortSeconds(Number(count) * units[unit as Unit])}s`;

/** The text of the rules with all their times shortened. */
export function shortened(text = readFileSync(rulesFile, 'utf8')): string {
  return text
    .replace(/^( +for: )(\d+)([smhd])$/gm, (_, head: string, count: string, unit: string) => head + short(count, unit))
    .replace(/\[(\d+)([smhd])(:?)\]/g, (_, count: string, unit: string, colon: string) => `[${short(count, unit)}${colon}]`)
    .replace(/> (\d+) \* 3600$/gm, (_, hours: string) => `> ${shortSeconds(Number(hours) * 3600)}`);
}
