import type { Output } from '../../cli/output.ts';

/** An output that keeps what a command says. */
export function capturedOutput() {
  const values: object[] = [];
  const lines: string[] = [];
  const notes: string[] = [];
  const output: Output = {
    isJson: false,
    result(value, text) {
      values.push(value);
      lines.push(text());
    },
    note: (text) => void notes.push(text),
  };
  return { output, values, lines, notes };
}
