// Judges what we may do in the cluster, and words the rules of a Role that would allow what is missing: as few as can
// be, and none that allows more than a run needs. Decides what each missing right means for a run.
// Asks nothing: the answers to access reviews come in (locks/examination.ts).
// Invariant: with the rules that are printed for a need, the same reviews say yes.

import type { Need, Right } from '../../locks/examination.ts';
import type { Judged } from './finding.ts';

export function judgeNeed(need: Need): Judged {
  const { rights, what, namespace } = need;
  const name = `${need.purpose} ${need.resource}`;
  const verbs = rights.map(({ verb }) => verb).join(', ');
  const missing = rights.filter(({ allowed }) => allowed === 'no');
  if (missing.length > 0) {
    const named = missing.map(({ verb }) => verb).join(', ');
    const means = meaning(need, missing);
    const lacks = `${named} of ${what} ${missing.length === 1 ? 'is' : 'are'} missing${means}`;
    const text = `${lacks}: add to a Role in ${namespace}`;
    return { name, verdict: 'FAIL', text, fix: rulesFor(need, missing).join('\n') };
  }
  if (rights.some(({ allowed }) => allowed === 'unknown'))
    return { name, verdict: 'skip', text: `${verbs} of ${what}: the server does not say (SelfSubjectAccessReview)` };
  return { name, verdict: 'ok', text: `${verbs} of ${what}` };
}

function meaning({ purpose }: Need, missing: readonly Right[]): string {
  if (purpose === 'events') return ' (or give --no-events)';
  if (purpose === 'label') return ' (or leave out --label-pod)';
  const isSlowOnly = purpose === 'lock' && missing.every(({ verb }) => verb === 'watch');
  return isSlowOnly ? ' (take-overs are late without it)' : '';
}

/** Verbs that a Role can allow for the one name stand together, and so do those that it cannot. */
export function rulesFor({ group, resource, name }: Need, rights: readonly Right[]): string[] {
  return [true, false].flatMap((isNamed) => {
    const verbs = rights.filter((right) => right.isNamed === isNamed).map(({ verb }) => verb);
    if (verbs.length === 0) return [];
    const names = isNamed ? `resourceNames: [${quoted(name)}], ` : '';
    return [`- {apiGroups: [${quoted(group)}], resources: [${resource}], ${names}verbs: [${verbs.join(', ')}]}`];
  });
}

/** YAML takes 2024 and 1e3 for numbers, and no for a truth. */
function quoted(text: string): string {
  const isPlain = /^[a-z][a-z0-9.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(text);
  return isPlain ? text : `'${text}'`;
}

/** Undefined: that could not be asked. */
export function mayDo(needs: readonly Need[], verb: string): boolean | undefined {
  const answers = needs
    .filter(({ purpose }) => purpose === 'lock')
    .flatMap(({ rights }) => rights.filter((right) => right.verb === verb))
    .map(({ allowed }) => allowed);
  if (answers.includes('no')) return false;
  return answers.includes('unknown') ? undefined : true;
}
