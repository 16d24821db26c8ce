// Rows for people and for programs: columns on a terminal, tabs in a pipe. Decides widths alone.
// Knows nothing of what the rows tell.
// Invariant: in a pipe each row is a line, and each cell of it is between two tabs.

export interface Layout {
  /** On a terminal: padded with blanks. */
  readonly isAligned: boolean;
  readonly hasHeaders: boolean;
}

const gap = '   ';

export function table(headers: readonly string[], rows: readonly (readonly string[])[], layout: Layout): string {
  const all = layout.hasHeaders ? [headers, ...rows] : rows;
  if (!layout.isAligned) return all.map((row) => `${row.join('\t')}\n`).join('');
  const widths = headers.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join('');
}
