import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import fc from 'fast-check';
import { CorruptBlobError, sha256Hex, UnknownBlobError } from '../../domain/blob-digest.ts';
import type { Blobs } from '../../domain/ports/blobs.ts';
import { faultOf } from './fixtures.ts';

export type OpenBlobs = () => Promise<{
  readonly blobs: Blobs;
  /** Changes one byte of a stored blob behind the store's back. */
  damage(sha256: string): Promise<void>;
  /** What lies about that is no blob, such as temporary files. */
  leftovers(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}>;

/** What every place for blobs must do. */
export function describeBlobsContract(name: string, open: OpenBlobs): void {
  describe(`blobs contract: ${name}`, () => {
    let store: Awaited<ReturnType<OpenBlobs>>;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.dispose());

    const read = async (sha256: string) => buffer(await store.blobs.open(sha256));

    for (const size of [0, 1, 65_536, 65_537, 1_000_000]) {
      it(`gives back ${size} bytes, put as bytes or as a stream`, async () => {
        const bytes = Buffer.alloc(size, 'prism');
        const reference = { sha256: sha256Hex(bytes), bytes: size, keyId: null };
        expect(await store.blobs.put(bytes)).to.deep.equal(reference);
        expect((await read(reference.sha256)).equals(bytes)).to.equal(true);
        expect(await store.blobs.put(inChunks(bytes, 40_000))).to.deep.equal(reference);
        expect((await read(reference.sha256)).equals(bytes)).to.equal(true);
        expect(await store.leftovers()).to.deep.equal([]);
      });
    }

    it('gives back any bytes in any chunks', async () => {
      const chunks = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(chunks, async (parts) => {
          const { sha256, bytes } = await store.blobs.put(Readable.from(parts, { objectMode: false }));
          const whole = Buffer.concat(parts);
          expect({ sha256, bytes }).to.deep.equal({ sha256: sha256Hex(whole), bytes: whole.byteLength });
          expect((await read(sha256)).equals(whole)).to.equal(true);
        }),
        { numRuns: 15 },
      );
    });

    it('the same bytes put at once are one blob', async () => {
      const bytes = Buffer.alloc(100_000, 1);
      const references = await Promise.all([1, 2, 3, 4].map(() => store.blobs.put(inChunks(bytes, 30_000))));
      expect(new Set(references.map(({ sha256 }) => sha256)).size).to.equal(1);
      expect((await read(sha256Hex(bytes))).equals(bytes)).to.equal(true);
      expect(await store.leftovers()).to.deep.equal([]);
    });

    it('knows which blobs it has', async () => {
      const { sha256 } = await store.blobs.put(Buffer.from('here'));
      expect(await store.blobs.has(sha256)).to.equal(true);
      expect(await store.blobs.has(sha256Hex(Buffer.from('elsewhere')))).to.equal(false);
    });

    for (const unknown of [
      sha256Hex(Buffer.from('elsewhere')),
      '',
      '../../etc/passwd',
      sha256Hex(Buffer.from('here')).toUpperCase(),
    ]) {
      it(`"${unknown.slice(0, 20)}" is an unknown blob`, async () => {
        await store.blobs.put(Buffer.from('here'));
        expect(await faultOf(store.blobs.open(unknown))).to.be.instanceOf(UnknownBlobError);
        expect(await store.blobs.has(unknown)).to.equal(false);
      });
    }

    for (const size of [1, 65_536, 300_000]) {
      it(`a damaged blob of ${size} bytes ends in CorruptBlobError and is never read whole`, async () => {
        const { sha256 } = await store.blobs.put(Buffer.alloc(size, 7));
        await store.damage(sha256);
        const stream = await store.blobs.open(sha256);
        let delivered = 0;
        stream.on('data', (chunk: Uint8Array) => {
          delivered += chunk.byteLength;
        });
        const fault = await new Promise((resolve, reject) => {
          stream.on('error', resolve);
          stream.on('end', () => reject(new Error('it ended as if it were sound')));
        });
        expect(fault).to.be.instanceOf(CorruptBlobError);
        expect(delivered).to.be.below(size);
      });
    }

    for (const before of [0, 10, 100_000]) {
      it(`a stream that fails after ${before} bytes leaves nothing behind`, async () => {
        const bug = new Error('the sender went away');
        const failing = Readable.from(failingAfter(before, bug), { objectMode: false });
        expect(await faultOf(store.blobs.put(failing))).to.equal(bug);
        expect(await store.blobs.has(sha256Hex(Buffer.alloc(before, 3)))).to.equal(false);
        expect(await store.leftovers()).to.deep.equal([]);
      });
    }

    it('a reader may walk away before the end', async () => {
      const { sha256 } = await store.blobs.put(Buffer.alloc(1_000_000));
      const stream = await store.blobs.open(sha256);
      for await (const chunk of stream) {
        expect(chunk).to.be.instanceOf(Uint8Array);
        break;
      }
      expect(stream.destroyed).to.equal(true);
    });
  });
}

function inChunks(bytes: Buffer, size: number): Readable {
  const chunks = [];
  for (let start = 0; start < bytes.byteLength; start += size) chunks.push(bytes.subarray(start, start + size));
  return Readable.from(chunks, { objectMode: false });
}

function* failingAfter(count: number, error: Error): Generator<Uint8Array> {
  for (let sent = 0; sent < count; sent += 10_000) yield Buffer.alloc(Math.min(10_000, count - sent), 3);
  throw error;
}
