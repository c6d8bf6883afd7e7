import type { ModuleFacts } from '../../domain/ports/inspector.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import type { Modules } from '../role-files.ts';
import { shingleValues, unionOf } from './shingle-set.ts';

/**
 * What of a role's files can run. A function or class of a module's own level is left out if no code that can run has its name: not as
 * a name, an attribute or an argument, and in no text either. Names are read off the canonical source word by word, so that whatever might
 * lead to a definition keeps it. Where a source looks up names while it runs, or can't be split, all of it counts.
 */
export type Reached = {
  /** Values of shingles; some are in several lists. */
  readonly values: readonly Float64Array[];
  /** Those of each function and class of a module's own level. */
  readonly definitions: readonly Float64Array[];
};

/** As many of a module as the inspector lists: one that has them is known by a sample, out of which nothing is taken. */
const mostListed = 20_000;
/** The builtins as such: `model.eval()` is a model's own method. */
const looksUpNames =
  /(?<!\.)\b(?:globals|locals|vars|eval|exec)\b|\b(?:builtins|__builtins__|__dict__|__subclasses__|__init_subclass__|__import__|metaclass)\b/;
const definitionHead = /^(?:@[^\n]*\n)*(?:async def|def|class) ([^\s(:[]+)/;
const word = /[\p{L}\p{N}_]+/gu;
/** Statements that go on with one before them. */
const continuation = /^(?:else|elif|except|finally)\b/;

type Part = { readonly name: string | null; readonly text: string; readonly values: Float64Array };

export function reachedBy(role: ResolvedContract['architecture'], modules: Modules): Reached {
  const members = role.files.flatMap((path) => modules.get(path) ?? []);
  const parts = members.flatMap(partsOf);
  const reached = members.some(({ canonicalSource }) => looksUpNames.test(canonicalSource))
    ? parts
    : reachable(parts, role.symbol);
  return {
    values: reached.map(({ values }) => values),
    definitions: reached.flatMap(({ name, values }) => (name === null ? [] : [values])),
  };
}

function reachable(parts: readonly Part[], symbol: string): readonly Part[] {
  const reached = new Set(parts.filter((part) => part.name === null || runsWhenDefined(part)));
  const wanted = new Set([symbol]);
  const named = new Map<string, Part[]>();
  for (const part of parts) {
    if (part.name !== null) named.set(part.name, [...(named.get(part.name) ?? []), part]);
  }
  const reach = (name: string) => {
    for (const part of named.get(name) ?? []) reached.add(part);
  };
  reach(symbol);
  // A set is walked in order of insertion, additions made on the way included.
  for (const part of reached) {
    for (const name of part.text.match(word) ?? []) {
      if (wanted.has(name)) continue;
      wanted.add(name);
      reach(name);
    }
  }
  return parts.filter((part) => reached.has(part));
}

/** Decorators, defaults and a class's own statements are run by the definition itself, whoever has its name. */
function runsWhenDefined({ text }: Part): boolean {
  if (text.startsWith('@')) return true;
  const [head = '', ...body] = text.split('\n', text.startsWith('class ') ? undefined : 1);
  if (!head.startsWith('class ')) return head.replace(/^[^(]*\(/, '').includes('(');
  return (
    head.includes('=') ||
    body.some((line) => /^ {4}\S/.test(line) && line.includes('(') && !/^ {4}(?:async )?def /.test(line))
  );
}

/** A module in parts: its definitions, and everything else, which always runs. */
function partsOf({ canonicalSource, definitions }: ModuleFacts): readonly Part[] {
  const statements = statementsOf(canonicalSource).map((text) => ({
    name: definitionHead.exec(text)?.[1] ?? null,
    text,
  }));
  const defined = statements.filter(({ name }) => name !== null);
  const values = definitions.map(({ shingles }) => shingleValues(shingles));
  const isSplit =
    defined.length + 1 === values.length &&
    defined.every(({ name }, at) => name === definitions[at + 1]?.name) &&
    !isSample(values);
  if (!isSplit) return [{ name: null, text: canonicalSource, values: unionOf(values) }];
  const others = statements.filter(({ name }) => name === null).map(({ text }) => text);
  return [{ name: null, text: others.join('\n') }, ...defined].map((part, at) => ({
    ...part,
    values: values[at] ?? new Float64Array(),
  }));
}

/** Whether a module has as many shingles as the inspector lists, so that it is known by a sample. */
function isSample(values: readonly Float64Array[]): boolean {
  return values.reduce((sum, { length }) => sum + length, 0) >= mostListed && unionOf(values).length >= mostListed;
}

/** The statements of a module's own level, decorators with what they decorate. */
function statementsOf(canonicalSource: string): readonly string[] {
  const statements: string[] = [];
  let isDecorated = false;
  for (const piece of canonicalSource.split(/\n(?=\S)/)) {
    const last = statements.length - 1;
    const begins = !continuation.test(piece);
    if (last < 0 || (begins && !isDecorated)) statements.push(piece);
    else statements[last] += `\n${piece}`;
    if (begins) isDecorated = piece.startsWith('@');
  }
  return statements;
}
