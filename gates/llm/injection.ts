import type { Finding } from '../../domain/submission/events.ts';
import { reviewRule } from './review-rules.ts';
import type { ReviewedFile } from './reviewed-source.ts';

/**
 * Text that nobody writes for Python or for people: instructions to whoever reviews. Few patterns, and narrow, since each of them rejects
 * without anybody being asked; what they miss is left to the reviewer, who can hold for it.
 */
const instructions: readonly RegExp[] = [
  /\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:previous|prior|above|earlier|preceding|your) (?:\w+ ){0,2}(?:instructions|directives|guidelines|system prompt)\b/,
  /\b(?:approve|accept) (?:this|the) (?:submission|bundle|review)\b/,
  /\bmark (?:this|the) (?:submission|bundle|code|source) as (?:safe|clean|approved|honest)\b/,
  /\byou are (?:now )?(?:an? |the )?(?:\w+ )?reviewer\b/,
  /\breviewers? (?:must|should|shall|has to|have to|will) (?:\w+ ){0,2}(?:approve|accept|pass|allow|report no|find no)\b/,
  /\bverdict ?[:=] ?approve\b/,
  /\bsubmit prism review\b/,
  /< (?:im start|start header id) > ?(?:system|assistant|user)\b/,
];

/** Every place where a file tries to steer its review, in the order of its lines. Phrases may run over lines and comment signs. */
export function findInjections(files: readonly ReviewedFile[]): readonly Finding[] {
  return files.flatMap(({ path, lines }) => {
    const { text, starts } = flatten(lines);
    const found = instructions.flatMap((pattern) => [...text.matchAll(new RegExp(pattern, 'g'))]);
    const numbers = new Set(found.map(({ index }) => lineAt(starts, index)).toSorted((left, right) => left - right));
    return [...numbers].map((line) => ({ rule, path, line, column: null, ...noNode, explanation }));
  });
}

const rule = 'prism:review-injection';
const noNode = { node: null, excerptHash: null };
const explanation = reviewRule(rule)?.title ?? rule;

/** Lower case, invisible characters and diacritics of form gone, everything that only separates words as one space. */
function flatten(lines: readonly string[]): { readonly text: string; readonly starts: readonly number[] } {
  const starts: number[] = [];
  let text = '';
  for (const line of lines) {
    starts.push(text.length);
    const flat = line
      .normalize('NFKC')
      .replace(/\p{Cf}/gu, '')
      .toLowerCase()
      .replace(/[\s#*"'`|_\\-]+/g, ' ')
      .trim();
    if (flat !== '') text += `${flat} `;
  }
  return { text, starts };
}

/** The line, from 1, that holds a place of the flattened text: the last one that starts at or before it. */
function lineAt(starts: readonly number[], place: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}
