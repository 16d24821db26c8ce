// docs/troubleshooting*.md against the program: each sentence by which leader-run says that something is not as it
// should be stands in the first column of a table there, so that a search for its words finds what it means and what to
// do; and no row explains a sentence that is gone.
// Does not judge the explanation. To check: an exception has its reason beside it, and one that is not needed fails.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Text, textsIn, textsUnder } from './helpers/sentences.ts';

const root = path.join(import.meta.dirname, '..');

/** Whole files, or `file > constant`, by how they begin. */
const explainedElsewhere: Readonly<Record<string, string>> = {
  'src/cli/options.ts': 'the help, and docs/options.md',
  'src/cli/help.ts': 'the help',
  'src/cli/completion/': 'the shells read it',
  'src/commands/verbs.ts': 'the help',
  'src/cli/exit-status.ts > exitStatusTable': 'the help, and README',
  'src/observe/metrics.ts': 'docs/metrics.md',
  'src/elector/leader-elector.ts': 'the library: a programmer meets it in a first test',
  'src/child/gate/gate.ts': 'a script; it says nothing',
  'src/child/guardian/script.ts': 'a script; guardian-node.ts says the same',
};

/** By their words. */
const notForUsers: Readonly<Record<string, string>> = {
  ...{ 'answering requests at': 'good news', 'ok: standing by,': 'good news', 'until leader-run resume': 'good news' },
  'the lease of': 'a step-down has nothing to do',
  'a holder without a name': 'stands for a name',
  'get, create, update, watch': 'verbs in a rule',
  '], verbs: [get, update, watch]': 'verbs in a rule',
  'this, or the help of a verb': 'the help',
  '{ IFS= read -r line <&3; kill -KILL 0; } </dev/null >/dev/null 2>&1 &': 'a script',
  // A bug of leader-run, which no user can bring about.
  'a campaign or a term is already under way': 'of the library, or a bug',
  'elected while resigning': 'a bug',
  'the object kept for': 'a bug',
  'has another version': 'a bug',
  'must not hold a newline': 'a bug: options are judged before',
  'has no record': 'a bug: what is absent or unreadable is told before',
  'cannot be examined': 'a bug: each lock of a cluster can',
};

const texts = textsUnder(root, 'src');
const pages = readdirSync(path.join(root, 'docs')).filter((name) => name.startsWith('troubleshooting'));
const rows = pages.flatMap((name) => rowsOf(readFileSync(path.join(root, 'docs', name), 'utf8')));
const shown = rows.flatMap(({ says }) => says);

describe('docs/troubleshooting.md and its sisters', () => {
  test('hold each sentence of the program that is not good news', () => {
    expect(missing(texts, shown)).toEqual([]);
  });

  test('hold no sentence that the program does not say', () => {
    const isSaid = speaker(texts);
    expect(shown.filter((sentence) => !isSaid(sentence))).toEqual([]);
  });

  test('say of each sentence what it means and what to do', () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter(({ says, cells }) => says.length === 0 || cells.length !== 3 || cells.includes(''))).toEqual([]);
  });
});

describe('a sentence', () => {
  const source = (text: string) => textsIn('src/a.ts', `export function a(b: string) { throw new Error(${text}); }`);

  test('that is new is missed, however it is put together', () => {
    const made = [...source("'the moon is full tonight'"), ...source("`of ${b} the sun ` + 'is not seen any more'")];
    expect(missing(made, ['the moon is half full', '<who>: of <what> the sun is seen'])).toEqual([
      'src/a.ts:1: the moon is full tonight',
      'src/a.ts:1: the sun is not seen any more',
    ]);
    expect(missing(made, ['the moon is full tonight: go home', 'of <what> the sun is not seen any more'])).toEqual([]);
  });

  test('that is gone is found, also where a part of it is still said', () => {
    const isSaid = speaker([...source("'the moon is full tonight'"), ...source('`${b}: is it?`')]);
    const said = ['the moon is full tonight', '<who>: is it?', 'is it?', 'the moon is full tonight: is it?'];
    const gone = ['the moon is full', 'is full tonight', 'the moon is full tonight, so', '<what>'];
    expect([said.filter((sentence) => !isSaid(sentence)), gone.filter(isSaid)]).toEqual([[], []]);
  });
});

describe('exceptions', () => {
  test('are each still needed', () => {
    const places = Object.keys(explainedElsewhere);
    const met = texts.filter((text) => !text.isWell && text.parts.some(isSentence)).map(placeOf);
    expect(places.filter((place) => !met.some((its) => its.startsWith(place)))).toEqual([]);
    const parts = new Set(texts.flatMap((text) => text.parts));
    const isIdle = (words: string): boolean => !parts.has(words) || shown.some((sentence) => sentence.includes(words));
    expect(Object.keys(notForUsers).filter(isIdle)).toEqual([]);
  });
});

/** Where each sentence stands that is in none of those that are shown. */
function missing(all: readonly Text[], sentences: readonly string[]): string[] {
  const isElsewhere = (text: Text) => Object.keys(explainedElsewhere).some((place) => placeOf(text).startsWith(place));
  const isShown = (part: string) => sentences.some((sentence) => sentence.includes(bare(part)));
  return all
    .filter((text) => !text.isWell && !isElsewhere(text))
    .flatMap(({ at, parts }) => parts.filter(isSentence).map((part) => ({ at, part })))
    .filter(({ part }) => !(part in notForUsers) && !isShown(part))
    .map(({ at, part }) => `${at}: ${part}`);
}

function placeOf({ file, within }: Text): string {
  return `${file} > ${within}`;
}

/** Without what joins it to a value. */
function bare(part: string): string {
  return part.replace(/^[\s:;,()\]}"]+|[\s:;,([{"]+$/g, '');
}

/** Three words, none of them a path, a name or a number. */
function isSentence(part: string): boolean {
  return part.split(' ').filter((word) => /^[("']?(?:a|[A-Za-z-]*[a-z]{2}[A-Za-z'-]*)\W{0,3}$/.test(word)).length >= 3;
}

interface Row {
  /** The sentences of its first cell, each in a code span. */
  readonly says: readonly string[];
  readonly cells: readonly string[];
}

function rowsOf(page: string): Row[] {
  const lines = page.split('\n').filter((line) => /^\| (?!the line says \||---)/.test(line));
  return lines.map((line) => {
    const cells = line.replace(/^\|(.*)\|$/, '$1').split('|').map((cell) => cell.trim());
    return { says: [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, sentence = '']) => sentence), cells };
  });
}

/** Whether a sentence, cut at its placeholders, is made of texts of the program, each of them whole. */
function speaker(all: readonly Text[]): (sentence: string) => boolean {
  const parts = all.flatMap((text) => text.parts.map((part) => words(part).join(' ')));
  const whole = new Set([...parts, ...parts.map(bare)]);
  return (sentence) => {
    const pieces = sentence.split(/<[a-z ]+>/).map(words).filter((piece) => piece.length > 0);
    return pieces.length > 0 && pieces.every(isMadeOf);
  };

  function isMadeOf(piece: readonly string[]): boolean {
    if (piece.length === 0) return true;
    for (let length = piece.length; length > 0; length -= 1) {
      const head = piece.slice(0, length).join(' ');
      if (whole.has(head) && isMadeOf(piece.slice(length))) return true;
    }
    return false;
  }

  /** With what joins texts and values as words of their own. */
  function words(text: string): string[] {
    return text.replace(/[():;,]/g, ' $& ').split(/\s+/).filter((word) => word !== '');
  }
}
