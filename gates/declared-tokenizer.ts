/**
 * A tokenizer that a bundle declares (`prism_bpe.v1`, gpu-runner/PROTOCOL.md §7): read here as the referee reads it, so that a file which it
 * would refuse is a finding before anything runs. `gpu-runner/fixtures/bpe_files.json` binds both.
 */

const schemaName = 'prism_bpe.v1';
const byteTokens = 256;
const mostMerges = 65_280;
const longestTokenBytes = 256;

type Pair = readonly [number, number];

/** What is wrong with the file, with the place in it; null where nothing is. */
export function problemOfTokenizer(bytes: Uint8Array): string | null {
  const declared = parseObject(bytes);
  if (declared === null) return 'not a JSON object';
  const { schema, merges, ...others } = declared;
  if (schema !== schemaName || merges === undefined || Object.keys(others).length > 0)
    return `it must be an object with \`schema\`: '${schemaName}' and \`merges\`, and nothing else`;
  if (!Array.isArray(merges) || merges.length > mostMerges)
    return `merges must be a list of at most ${mostMerges} pairs`;
  return problemOfPairs(merges) ?? problemOfSizes(merges);
}

/** JSON in UTF-8 without a byte order mark. A number with a fraction or an exponent is no integer, whatever its value. */
function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const withFloats = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?=[.eE])[\d.eE+-]*/g, (token) =>
      token.startsWith('"') ? token : 'null',
    );
    const parsed: unknown = JSON.parse(text) && JSON.parse(withFloats);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}

function problemOfPairs(merges: readonly unknown[]): string | null {
  const seen = new Map<string, number>();
  for (const [index, pair] of merges.entries()) {
    if (!isPair(pair, byteTokens + index))
      return `merges[${index}] must be two ids from 0 to ${byteTokens + index - 1}`;
    const key = pair.join(' ');
    const first = seen.get(key);
    if (first !== undefined) return `merges[${index}] repeats merges[${first}]`;
    seen.set(key, index);
  }
  return null;
}

function isPair(value: unknown, bound: number): value is Pair {
  return Array.isArray(value) && value.length === 2 && value.every((id) => isId(id, bound));
}

function isId(value: unknown, bound: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < bound;
}

function problemOfSizes(merges: readonly Pair[]): string | null {
  const sizes = Array.from({ length: byteTokens }, () => 1);
  for (const [index, [left, right]] of merges.entries()) {
    const size = (sizes[left] ?? 0) + (sizes[right] ?? 0);
    if (size > longestTokenBytes)
      return `merges[${index}] makes a token of ${size} bytes, more than ${longestTokenBytes}`;
    sizes.push(size);
  }
  return null;
}
