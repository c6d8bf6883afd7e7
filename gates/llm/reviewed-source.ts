import type { BundleFile } from '../../domain/bundle.ts';

/** A file of a bundle as a reviewer reads it, in the lines that Python counts, from 1. */
export type ReviewedFile = {
  readonly path: string;
  readonly lines: readonly string[];
  /** The same lines with comments and docstrings blanked; null where the file is no Python. */
  readonly code: readonly string[] | null;
};

/** Comments and docstrings of a module: from and to (exclusive), in bytes of its source. */
export type ProseOf = (path: string) => readonly (readonly [number, number])[] | undefined;

export function reviewedFiles(files: readonly BundleFile[], proseOf: ProseOf): readonly ReviewedFile[] {
  return files.map(({ path, bytes }) => {
    const prose = proseOf(path);
    const code = prose === undefined ? null : linesOf(blanked(bytes, prose));
    return { path, lines: linesOf(bytes), code };
  });
}

function linesOf(bytes: Uint8Array): readonly string[] {
  return new TextDecoder('utf-8').decode(bytes).split(/\r\n|\r|\n/);
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/** What is blanked keeps its lines, and what follows keeps its place. */
function blanked(bytes: Uint8Array, prose: readonly (readonly [number, number])[]): Uint8Array {
  const code = Uint8Array.from(bytes);
  for (const [from, to] of prose) {
    for (let index = from; index < to; index += 1) {
      if (code[index] !== newline && code[index] !== carriageReturn) code[index] = space;
    }
  }
  return code;
}

/** One way to read a bundle: as it is, or its code alone. */
export const reviewPasses = ['whole', 'codeOnly'] as const;
export type ReviewPass = (typeof reviewPasses)[number];

/**
 * The whole of a pass in parts of at most `limit` characters, nothing left out: every line with its number, a file's lines under its
 * name, a line that is longer than a part in pieces. Lines without code are left out of the pass over code alone.
 */
export function partsOf(files: readonly ReviewedFile[], pass: ReviewPass, limit: number): readonly string[] {
  const parts: string[] = [];
  let part = '';
  let openPath: string | null = null;
  for (const { path, number, text } of rowsOf(files, pass, limit)) {
    const name = `FILE ${JSON.stringify(path)}\n`;
    const row = `${number}| ${text}\n`;
    const added: string = openPath === path ? row : name + row;
    if (part.length + added.length > limit && part !== '') {
      parts.push(part);
      part = name + row;
    } else {
      part += added;
    }
    openPath = path;
  }
  return [...parts, part];
}

type Row = { readonly path: string; readonly number: string; readonly text: string };

function* rowsOf(files: readonly ReviewedFile[], pass: ReviewPass, limit: number): Generator<Row> {
  for (const { path, lines, code } of files) {
    const read = pass === 'whole' ? lines : (code ?? []);
    for (const [index, line] of read.entries()) {
      if (pass === 'codeOnly' && line.trim() === '') continue;
      const pieces = piecesOf(harmless(line), Math.max(1, limit - path.length - rowOverhead));
      for (const [piece, text] of pieces.entries())
        yield { path, number: `${index + 1}${piece === 0 ? '' : '+'}`, text };
    }
  }
}

/** Of a file's name and a line's number, beside the path. */
const rowOverhead = 64;

function piecesOf(line: string, length: number): readonly string[] {
  if (line.length <= length) return [line];
  return Array.from({ length: Math.ceil(line.length / length) }, (_, index) =>
    line.slice(index * length, (index + 1) * length),
  );
}

/** Some servers take the control tokens of their chat format for what they look like, wherever they stand. */
function harmless(line: string): string {
  return line.replaceAll('<|', '< |').replaceAll('|>', '| >');
}
