// The documents that people read, and the fenced blocks in them, for tests that hold them against the code or run them.
// Decides which files are documents. Knows nothing of what is in them.
// To check: a page that is added to docs/ is a document at once.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.join(import.meta.dirname, '../..');

export const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const isPage = (name: string): boolean => name.endsWith('.md');
export const pages = readdirSync(path.join(root, 'docs')).filter(isPage).map((name) => `docs/${name}`);

export const documents = ['README.md', 'DESIGN.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', ...pages];

/** The fenced blocks of a document in one language. */
export const blocks = (language: string, file = 'README.md'): string[] =>
  [...read(file).matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, its, text = '']) => (its === language ? [text] : []));

/** The commands of a shell block, each as it stands, over as many lines as it takes. */
export const commandsOf = (block: string): string[] =>
  block.replace(/ +#.*$/gm, '').split(/(?<!\\)\n(?![ }])/).map((each) => each.trim()).filter((each) => each !== '');
