// The texts of src/ that people may read, taken out of it by the compiler's own parser: string and template literals,
// cut where a value is put in. Decides what is one text (literals joined by +), and which tell that all is well.
// Does not know which page explains them (test/troubleshooting.test.ts).
// Invariant: a text is left out for where it stands, never for what it says.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export interface Text {
  /** `src/run.ts:49`. */
  readonly at: string;
  /** `src/run.ts`, and the function or constant of the file that it stands in. */
  readonly file: string;
  readonly within: string;
  /** What stands between the values, each with its blanks as one. */
  readonly parts: readonly string[];
  /** It tells that all is well. */
  readonly isWell: boolean;
}

/** Of all files of a folder. */
export function textsUnder(root: string, folder: string): Text[] {
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).sort();
  return files
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name))
    .flatMap((file) => textsIn(file, readFileSync(path.join(root, file), 'utf8')));
}

export function textsIn(file: string, source: string): Text[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const well = wellKinds(tree);
  const found: Text[] = [];
  const walk = (node: ts.Node, within: string, isWell: boolean): void => {
    if (isOfModules(node) || ts.isTypeNode(node)) return;
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || isSum(node);
    if (isText && !isSum(node.parent)) {
      const raw = piecesOf(node);
      const parts = raw.join('').split(gap).map((part) => part.replace(/\s+/g, ' ').trim()).filter(Boolean);
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      found.push({ at: `${file}:${line + 1}`, file, within, parts, isWell: isWell || isResult(file, raw) });
    }
    ts.forEachChild(node, (child) => {
      const name = node === tree ? nameOf(child) : within;
      walk(child, name, isWell || isOk(child) || (within === 'sentence' && isWellCase(child, well)));
    });
  };
  walk(tree, '', false);
  return found;
}

/** Stands for a value. */
const gap = '\u0000';

function piecesOf(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return [node.head.text, ...node.templateSpans.flatMap(({ literal }) => [gap, literal.text])];
  return isSum(node) ? [...piecesOf(node.left), ...piecesOf(node.right)] : [gap];
}

function isSum(node: ts.Node): node is ts.BinaryExpression {
  return ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken;
}

function isOfModules(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return true;
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

function nameOf(node: ts.Node): string {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.name.getText() ?? '';
  const isNamed = ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node);
  return isNamed ? (node.name?.text ?? '') : '';
}

/** What a verb prints when it has done what it was asked for ends its line itself; main.ts ends those of a fault. */
function isResult(file: string, raw: readonly string[]): boolean {
  return file.startsWith('src/commands/') && raw.at(-1)?.endsWith('\n') === true;
}

/** A finding of doctor that has nothing to find. */
function isOk(node: ts.Node): boolean {
  if (!ts.isObjectLiteralExpression(node)) return false;
  return node.properties.some(
    (property) =>
      ts.isPropertyAssignment(property) &&
      property.name.getText() === 'verdict' &&
      ts.isStringLiteral(property.initializer) &&
      property.initializer.text === 'ok',
  );
}

/** The kinds of events for which `levelOf` answers info or debug, whatever they say. */
function wellKinds(tree: ts.SourceFile): ReadonlySet<string> {
  const levelOf = tree.statements.find((node) => nameOf(node) === 'levelOf');
  const kinds = new Set<string>();
  const walk = (node: ts.Node): void => {
    if (ts.isCaseBlock(node)) {
      let open: string[] = [];
      for (const clause of node.clauses) {
        open.push(caseOf(clause));
        const [first] = clause.statements;
        if (first && ts.isReturnStatement(first) && /^'(?:info|debug)'$/.test(first.expression?.getText() ?? ''))
          for (const kind of open) kinds.add(kind);
        if (first) open = [];
      }
    }
    ts.forEachChild(node, walk);
  };
  if (levelOf) walk(levelOf);
  return kinds;
}

function isWellCase(node: ts.Node, well: ReadonlySet<string>): boolean {
  return ts.isCaseClause(node) && well.has(caseOf(node));
}

function caseOf(clause: ts.CaseOrDefaultClause): string {
  return ts.isCaseClause(clause) && ts.isStringLiteral(clause.expression) ? clause.expression.text : '';
}
