import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalBundle, codeHash } from '../../domain/bundle.ts';
import { deriveId, eventId, submissionId } from '../../domain/ids.ts';

const uuidV5 = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('A derived id', () => {
  it('is a UUIDv5, and is for ever the same for the same parts', () => {
    expect(deriveId('a', 1)).to.match(uuidV5);
    expect(deriveId('a', 1)).to.equal(deriveId('a', '1'));
    // Python: uuid.uuid5(namespace, 'submission\\0hotkey\\0hash').
    expect(submissionId('hotkey', 'hash')).to.equal('a857a295-cec6-5974-9edb-b4780d9598ff');
  });

  it('differs for other parts, also where they run together to the same text', () => {
    expect(deriveId('ab', 'c')).not.to.equal(deriveId('a', 'bc'));
    const causes = ['cause-1', 'cause-2'].flatMap((cause) =>
      ['stream-1', 'stream-2'].flatMap((stream) => [0, 1].map((index) => eventId(cause, stream, index))),
    );
    expect(new Set(causes).size).to.equal(8);
  });
});

describe('The canonical form of a bundle', () => {
  const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text) });

  it('is path, NUL, length, NUL, bytes of every file, sorted by the bytes of the path', () => {
    const bytes = canonicalBundle([file('b.py', 'xy'), file('a.py', '')]);
    expect(Buffer.from(bytes).toString()).to.equal('a.py\u00000\u0000b.py\u00002\u0000xy');
  });

  it('counts bytes, not characters', () => {
    expect(Buffer.from(canonicalBundle([file('ä.py', 'ö')])).toString()).to.equal('ä.py\u00002\u0000ö');
  });

  it('sorts paths beyond the basic plane by their UTF-8 bytes', () => {
    const sorted = Buffer.from(canonicalBundle([file('😀', ''), file('\uffee', '')])).toString();
    expect(sorted).to.equal('\uffee\u00000\u0000😀\u00000\u0000');
  });

  it('is the same in whatever order the files come', () => {
    const files = fc.uniqueArray(
      fc.record({ path: fc.string({ minLength: 1, unit: 'binary' }), text: fc.string({ unit: 'binary' }) }),
      { selector: ({ path }) => path, maxLength: 8 },
    );
    fc.assert(
      fc.property(files, (entries) => {
        const bundle = entries.map(({ path, text }) => file(path, text));
        return codeHash(bundle) === codeHash([...bundle].reverse());
      }),
    );
  });

  it('has another hash for another name, another byte, or bytes moved to another file', () => {
    const variants = [
      [file('a', 'xy'), file('b', '')],
      [file('a', 'x'), file('b', 'y')],
      [file('a', 'xz'), file('b', '')],
      [file('a', 'xy'), file('c', '')],
      [file('a', 'xy')],
    ];
    expect(new Set(variants.map((variant) => codeHash(variant))).size).to.equal(variants.length);
  });
});
