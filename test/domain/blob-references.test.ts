import { expect } from 'chai';
import { blobsNamedIn } from '../../domain/blob-references.ts';
import { blob, digest } from './submission-examples.ts';

describe('The blobs that an event names', () => {
  it('are found wherever they stand, and nothing else is taken for one', () => {
    const data = {
      bundle: blob('a'),
      metadata: null,
      nested: { list: [1, 'x', [blob('b')], { record: blob('c') }] },
      codeHash: digest('d'),
      notQuite: { sha256: digest('e'), bytes: 1 },
      neither: { sha256: 'short', bytes: 1, keyId: null },
    };
    expect(blobsNamedIn(data)).to.deep.equal([blob('a'), blob('b'), blob('c')]);
  });
});
