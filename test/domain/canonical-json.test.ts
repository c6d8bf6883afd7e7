import canonicalize from 'canonicalize';
import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalJson, NotCanonicalError } from '../../domain/canonical-json.ts';

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 code units and writes numbers as RFC 8785 does', () => {
    expect(
      canonicalJson({ '\ue000': 1, '\u{1f600}': 2, b: [1e21, 0.1, -0, 1e-7], a: 'ü\n"', '10': 0, '9': 0 }),
    ).to.equal('{"10":0,"9":0,"a":"ü\\n\\"","b":[1e+21,0.1,0,1e-7],"\u{1f600}":2,"\ue000":1}');
  });

  const jsonValues = fc.jsonValue({ stringUnit: 'binary' });

  it('is what the canonicalize package writes, and parses back to the value', () => {
    fc.assert(
      fc.property(jsonValues, (value) => {
        const text = canonicalJson(value);
        expect(text).to.equal(canonicalize(value));
        expect(canonicalJson(JSON.parse(text))).to.equal(text);
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(jsonValues, (value) => {
        expect(canonicalJson(reversed(value))).to.equal(canonicalJson(value));
      }),
    );
  });

  it('writes any double as ECMAScript does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalJson(value)).to.equal(JSON.stringify(value));
      }),
    );
  });

  it('keeps text that merely looks like an escaped surrogate', () => {
    expect(canonicalJson('\\ud800')).to.equal('"\\\\ud800"');
  });

  const refused: readonly [string, unknown, string][] = [
    ['NaN', { a: [Number.NaN] }, '$.a[0]'],
    ['Infinity', { a: Number.NEGATIVE_INFINITY }, '$.a'],
    ['undefined', { a: { b: undefined } }, '$.a.b'],
    ['undefined at the top', undefined, '$'],
    ['a hole in an array', { a: new Array(2) }, '$.a[0]'],
    ['a lone surrogate', { a: 'x\ud800' }, '$.a'],
    ['a key with a lone surrogate', { a: { '\udc00': 1 } }, '$.a'],
    ['a bigint', { a: 1n }, '$.a'],
    ['a function', { a: () => 1 }, '$.a'],
    ['a date', { a: new Date(0) }, '$.a'],
    ['a map', { a: new Map() }, '$.a'],
  ];
  for (const [what, value, path] of refused) {
    it(`refuses ${what} and says where`, () => {
      expect(() => canonicalJson(value))
        .to.throw(NotCanonicalError)
        .with.property('path', path);
    });
  }

  it('refuses a cycle', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => canonicalJson(cycle)).to.throw(NotCanonicalError, 'deep');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
