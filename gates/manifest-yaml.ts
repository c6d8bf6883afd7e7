import { type Document, isAlias, isMap, isScalar, Lexer, LineCounter, Parser, parseDocument } from 'yaml';
import { type Failed, failed, finding, type Place } from './contract-rules.ts';

/** Aliases expand a document; a manifest of scalars and short lists has no use for many, nor for deep nesting. */
const aliasLimit = 16;
const nestingLimit = 40;
const problemLimit = 10;

export type ManifestMapping = ReadonlyMap<unknown, unknown>;

/** The manifest as plain values, and where each of its keys stands. */
export type ManifestDocument = {
  readonly kind: 'document';
  readonly values: ManifestMapping;
  placeOf(keys: readonly string[]): Place;
};

export function isMapping(value: unknown): value is ManifestMapping {
  return value instanceof Map;
}

/** One YAML document, a mapping, without repeated keys. Throws for too many aliases. */
export function parseManifest(path: string, text: string): ManifestDocument | Failed {
  if (isTooDeep(text)) return failed(finding('prism:contract-manifest-syntax', { path }, 'It nests too deeply.'));
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    // Quadratic in the library, so that a long list of keys takes a second: see repeatedKeys.
    uniqueKeys: false,
  });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { path, line, column: col };
  };
  // A warning is an unknown tag or directive: something declared that would not be honoured.
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) => ({ offset: pos[0], message }));
  problems.push(...repeatedKeys(document));
  if (problems.length > 0) {
    const shownProblems = problems.slice(0, problemLimit);
    return failed(
      ...shownProblems.map(({ offset, message }) => finding('prism:contract-manifest-syntax', at(offset), message)),
    );
  }
  const values: unknown = document.toJS({ mapAsMap: true, maxAliasCount: aliasLimit });
  if (values !== null && !isMapping(values)) {
    return failed(finding('prism:contract-manifest-value', { path, line: 1 }, 'The document must be a mapping.'));
  }
  const placeOf = (keys: readonly string[]): Place => {
    const offset = offsetOf(document.contents, keys);
    return offset === null ? { path } : at(offset);
  };
  return { kind: 'document', values: values ?? new Map(), placeOf };
}

/**
 * The library composes a document by recursion, and V8 ends the whole process (no exception) if a regular expression is
 * compiled at the end of the stack. Its lexer and parser don't recurse: they count first, and stop at the limit.
 */
function isTooDeep(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > nestingLimit) return true;
  }
  return false;
}

/** Keys that the document, or a section of it, declares twice. */
function repeatedKeys(document: Document.Parsed): readonly { readonly offset: number; readonly message: string }[] {
  const root = document.contents;
  const sections = isMap(root)
    ? [root, ...root.items.map(({ value }) => (isAlias(value) ? value.resolve(document) : value))]
    : [];
  return sections.filter(isMap).flatMap((section) => {
    const seen = new Set<unknown>();
    return section.items.flatMap(({ key }) => {
      if (!isScalar(key)) return [];
      const repeated = seen.has(key.value);
      seen.add(key.value);
      return repeated ? [{ offset: key.range?.[0] ?? 0, message: `\`${String(key.value)}\` is declared twice.` }] : [];
    });
  });
}

/** Where the key that `keys` lead to begins, or the innermost of them that the document has. */
function offsetOf(root: unknown, keys: readonly string[]): number | null {
  let node = root;
  let offset: number | null = null;
  for (const key of keys) {
    if (!isMap(node)) return offset;
    const pair = node.items.find(({ key: candidate }) => isScalar(candidate) && candidate.value === key);
    if (pair === undefined) return offset;
    offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
    node = pair.value;
  }
  return offset;
}
