import type { BundleFile } from '../domain/bundle.ts';
import type { Finding } from '../domain/submission/events.ts';

const longestLine = 160;

/** The line of a finding with a mark under what it is about; null where it has none. What a terminal might obey is left out of it. */
export function sourceExcerpt(files: readonly BundleFile[], finding: Finding): string | null {
  const { line, column } = finding;
  const points = [...(lineOf(files, finding) ?? '')];
  const start = Math.max(0, (column ?? 1) - 1);
  if (start >= points.length || start >= longestLine) return null;
  const marked = /^[\p{L}\p{N}_.]+/u.exec(points.slice(start).join(''))?.[0].length ?? 1;
  const number = String(line);
  const margin = ' '.repeat(number.length);
  const shown = points.slice(0, longestLine).join('').trimEnd();
  return [` ${number} | ${shown}`, ` ${margin} | ${' '.repeat(start)}${'^'.repeat(marked)}`].join('\n');
}

/** The line that a finding is about, or null. */
export function lineOf(files: readonly BundleFile[], { path, line }: Finding): string | null {
  const file = files.find((each) => each.path === path);
  if (file === undefined || line === null) return null;
  const text = Buffer.from(file.bytes)
    .toString()
    .split(/\r\n|\r|\n/)[line - 1];
  return text === undefined ? null : text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ');
}
