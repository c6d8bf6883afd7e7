import { jsonText, oneLine, terminalText } from './terminal-text.ts';

/** Where a command writes: results on stdout (one JSON value a line with `--json`), progress and notes on stderr. */
export type Output = {
  readonly isJson: boolean;
  /** The command's answer: `value` for programs, `text` for people. */
  result(value: object, text: () => string): void;
  /** What is going on, for people. */
  note(text: string): void;
};

export type Streams = { readonly [name in 'stdout' | 'stderr']: { write(text: string): unknown } };

export function consoleOutput(isJson: boolean, { stdout, stderr }: Streams = process): Output {
  return {
    isJson,
    result(value, text) {
      stdout.write(`${isJson ? jsonText(value) : terminalText(text())}\n`);
    },
    note(text) {
      stderr.write(`${terminalText(text)}\n`);
    },
  };
}

export type Cell = string | number | null;

/** Left-aligned text columns under their headings; numbers right-aligned. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map((cell) => (cell === null ? '–' : oneLine(String(cell)))))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const isNumber = headings.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A score for people: six significant digits. */
export function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(6));
}
