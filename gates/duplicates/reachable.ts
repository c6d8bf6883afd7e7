import type { ModuleFacts } from '../../domain/ports/inspector.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import type { Modules } from '../role-files.ts';
import { shingleValue } from './shingle-set.ts';

/**
 * What of a role's files can run. A function or class of a module's own level is left out if no code that can run has its name: not as
 * a name, an attribute or an argument, and in no text either. Names are read off the canonical source word by word, so that whatever might
 * lead to a definition keeps it. Where a source looks up names while it runs, or can't be split, all of it counts.
 */
export type Reached = {
  /** Values of shingles; of some more than once. */
  readonly values: readonly number[];
  /** The values of each function and class of a module's own level. */
  readonly definitions: readonly (readonly number[])[];
};

/** As many as the inspector lists: such a module is known by a sample, out of which nothing is taken. */
const sampledFrom = 20_000;
/** The builtins as such: `model.eval()` is a model's own method. */
const looksUpNames =
  /(?<!\.)\b(?:globals|locals|vars|eval|exec)\b|\b(?:builtins|__builtins__|__dict__|__subclasses__|__init_subclass__|__import__|metaclass)\b/;
const definitionHead = /^(?:@[^\n]*\n)*(?:async def|def|class) ([^\s(:[]+)/;
const word = /[\p{L}\p{N}_]+/gu;
/** Statements that go on with one before them. */
const continuation = /^(?:else|elif|except|finally)\b/;

type Part = { readonly name: string | null; readonly text: string; readonly values: readonly number[] };

export function reachedBy(role: ResolvedContract['architecture'], modules: Modules): Reached {
  const members = role.files.flatMap((path) => modules.get(path) ?? []);
  const parts = members.flatMap(partsOf);
  const reached = members.some(({ canonicalSource }) => looksUpNames.test(canonicalSource))
    ? parts
    : reachable(parts, role.symbol);
  return {
    values: reached.flatMap(({ values }) => values),
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
    for (const [name] of part.text.matchAll(word)) {
      if (wanted.has(name)) continue;
      wanted.add(name);
      reach(name);
    }
  }
  return parts.filter((part) => reached.has(part));
}

/** Decorators, defaults and a class's own statements are run by the definition itself, whoever has its name. */
function runsWhenDefined({ text }: Part): boolean {
  const [head = '', ...body] = text.split('\n');
  if (head.startsWith('@')) return true;
  if (!head.startsWith('class ')) return head.replace(/^[^(]*\(/, '').includes('(');
  return (
    head.includes('=') ||
    body.some((line) => /^ {4}\S/.test(line) && /\(/.test(line) && !/^ {4}(?:async )?def /.test(line))
  );
}

/** A module in parts: its definitions, and everything else, which always runs. */
function partsOf({ canonicalSource, shingles, definitions }: ModuleFacts): readonly Part[] {
  const values = shingles.map(shingleValue);
  const statements = statementsOf(canonicalSource);
  const defined = statements.flatMap((text) => {
    const name = definitionHead.exec(text)?.[1];
    return name === undefined ? [] : [{ name, text }];
  });
  const [rest, ...listed] = definitions;
  const isSplit =
    rest !== undefined &&
    values.length < sampledFrom &&
    defined.length === listed.length &&
    defined.every(({ name }, at) => name === listed[at]?.name);
  if (!isSplit) return [{ name: null, text: canonicalSource, values }];
  const valuesAt = (places: readonly number[]) =>
    places.map((place) => values[place]).filter((value) => value !== undefined);
  const others = statements.filter((text) => !definitionHead.test(text)).join('\n');
  return [
    { name: null, text: others, values: valuesAt(rest.shingles) },
    ...defined.map(({ name, text }, at) => ({ name, text, values: valuesAt(listed[at]?.shingles ?? []) })),
  ];
}

/** The statements of a module's own level, decorators with what they decorate. */
function statementsOf(canonicalSource: string): readonly string[] {
  const statements: string[][] = [];
  let isDecorated = false;
  for (const line of canonicalSource.split('\n')) {
    const begins = /^\S/.test(line) && !continuation.test(line);
    const current = statements.at(-1);
    if (current === undefined || (begins && !isDecorated)) statements.push([line]);
    else current.push(line);
    if (begins) isDecorated = line.startsWith('@');
  }
  return statements.map((lines) => lines.join('\n'));
}
