import type { Finding } from '../../domain/submission/events.ts';
import { reviewRule } from './review-rules.ts';
import type { ReviewedFile } from './reviewed-source.ts';

/**
 * Text that nobody writes for Python or for people: orders to whoever reviews. Few patterns, and narrow, since each of them rejects without anybody
 * being asked: who approves or accepts must be told to, as what a comment says about gates and referees is no order. What they miss is left to the
 * reviewer, who can hold for it.
 */
const instructions: readonly RegExp[] = [
  /\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:previous|prior|above|earlier|preceding|your) (?:\w+ ){0,2}(?:instructions|directives|guidelines|system prompt)\b/,
  /\b(?:please|you (?:must|should|shall|will|have to|need to|are to)) (?:(?:\w+ly|just|always|now|also|only) ){0,2}(?:approve (?:it|all|everything|this|the (?:submission|bundle|review|code|source))|accept (?:this|the) (?:submission|bundle)|mark (?:it|(?:this|the) \w+) as (?:safe|clean|approved|honest))\b/,
  /(?:^|[.!?] |\binstructions,? (?:and |then )?)(?:approve (?:this|the) (?:submission|bundle|review)|accept this (?:submission|bundle))\b/,
  /\byou are now (?:an? |the )?(?:\w+ )?reviewer\b/,
  /\byou are (?:an? |the )?(?:lenient|permissive|generous|forgiving|friendly|helpful) reviewer\b/,
  /\b(?:reviewers?|assistant|llm|language model) (?:must|should|shall|has to|have to) (?:\w+ ){0,2}approve (?:it|all|everything|this|the (?:submission|bundle|code|source)|without)\b/,
  /\breviewers? (?:must|should|shall|has to|have to) (?:\w+ ){0,2}(?:(?:accept|allow) (?:it|(?:this|the) (?:submission|bundle))|pass this (?:submission|bundle)|(?:report|find) no (?:\w+ )?(?:violations?|problems?|findings?|issues?))\b/,
  /\bverdict ?[:=] ?approve\b(?!,? (?:or )?(?:suspicious|reject)\b)/,
  /\b(?:respond|reply|answer) (?:only |just )?(?:with|by) (?:an? |the |your )?(?:verdict (?:of )?)?approve\b(?!,? (?:or )?(?:suspicious|reject)\b)/,
  /\b(?:call|invoke|use|run) (?:\w+ ){0,2}submit prism review\b/,
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
