/** A value that JSON can't carry, with the path to it. */
export class NotCanonicalError extends Error {
  override readonly name = 'NotCanonicalError';
  readonly path: string;
  constructor(path: string, problem: string) {
    super(`${path} ${problem}`);
    this.path = path;
  }
}

/** Deeper values are taken for cycles. */
const depthLimit = 64;

const loneSurrogate = /\p{Surrogate}/u;
/** Printable ASCII but for the quote and the backslash: stands for itself between quotes. */
const plain = /^[ !#-[\]-~]*$/;

/**
 * Canonical JSON (RFC 8785) of a JSON value. Whatever JSON would drop, turn into null or replace is refused with
 * `NotCanonicalError`: two different values must never have the same bytes.
 *
 * Every append pays for this. Refusing and writing in one walk takes half the time of a check followed by the
 * `canonicalize` package, with which a property test compares it; numbers and escapes are ECMAScript's own, as the RFC has it.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$', 0);
}

function write(value: unknown, path: string, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path);
    case 'number':
      if (!Number.isFinite(value)) throw new NotCanonicalError(path, `is ${value}, which JSON can't carry`);
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= depthLimit) throw new NotCanonicalError(path, `is nested more than ${depthLimit} deep`);
      return Array.isArray(value) ? writeArray(value, path, depth) : writeObject(value, path, depth);
    default:
      throw new NotCanonicalError(path, `is ${value === undefined ? 'undefined' : `a ${typeof value}`}`);
  }
}

function writeString(text: string, path: string): string {
  if (plain.test(text)) return `"${text}"`;
  if (loneSurrogate.test(text)) throw new NotCanonicalError(path, 'holds a lone surrogate');
  return JSON.stringify(text);
}

function writeArray(array: readonly unknown[], path: string, depth: number): string {
  let text = '[';
  // A plain loop, since map would pass over the holes of a sparse array.
  for (let index = 0; index < array.length; index += 1) {
    if (index > 0) text += ',';
    text += write(array[index], `${path}[${index}]`, depth + 1);
  }
  return `${text}]`;
}

function writeObject(object: object, path: string, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotCanonicalError(path, `is a ${object.constructor.name}, not a plain object`);
  }
  let text = '{';
  // Sorting compares UTF-16 code units, which is the RFC's order.
  for (const key of Object.keys(object).sort()) {
    if (text !== '{') text += ',';
    text += `${writeString(key, path)}:${write(Reflect.get(object, key), `${path}.${key}`, depth + 1)}`;
  }
  return `${text}}`;
}
