import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { range, withFolder } from './fixtures.ts';
import {
  appendsAcknowledgedTooEarly,
  fileDurability,
  haveStrace,
  type SystemCall,
  traceProgram,
  walSyncsFor,
} from './system-calls.ts';

const program = fileURLToPath(new URL('programs/durable-writer.js', import.meta.url));

/** A `kill -9` can't show durability, for the page cache survives it; the order of system calls does. */
describe('durability, by system-call trace', function () {
  this.timeout(60_000);

  before(function () {
    this.timeout(300_000);
    if (!haveStrace()) this.skip();
  });

  const trace = <T>(way: string, judge: (calls: readonly SystemCall[], dataDir: string) => T): Promise<T> =>
    withFolder(async (folder) => judge(traceProgram(program, [way, folder], join(folder, 'trace')), folder));

  const singles = range(1, 3).map((n) => `single-${n}`);

  it('acknowledges each append after the sync of its WAL frames', () =>
    trace('single', (calls) => {
      expect(appendsAcknowledgedTooEarly(calls)).to.deep.equal([]);
      expect(walSyncsFor(calls, singles)).to.equal(3);
    }));

  it('acknowledges each append of a group after the one sync that they share', () =>
    trace('group', (calls) => {
      expect(appendsAcknowledgedTooEarly(calls)).to.deep.equal([]);
      const names = range(1, 8).map((n) => `group-${n}`);
      expect(walSyncsFor(calls, names)).to.equal(1);
    }));

  it('acknowledges an attachment after the sync of its WAL frames', () =>
    trace('attachment', (calls) => {
      expect(appendsAcknowledgedTooEarly(calls)).to.deep.equal([]);
      expect(walSyncsFor(calls, ['small-blob'])).to.equal(1);
    }));

  it('acknowledges a large blob after the syncs of its file and of every folder that names it', () =>
    trace('largeBlob', (calls, dataDir) => {
      const sha256 = sha256Hex(Buffer.alloc(300_000, 'large'));
      const shard = join(dataDir, 'blobs', sha256.slice(0, 2));
      const found = fileDurability(calls, 'large-blob', join(shard, sha256));
      expect(found.fileSynced).to.equal(true);
      expect(found.foldersAfterRename).to.include(shard);
      expect(found.folders).to.include.members([dataDir, join(dataDir, 'blobs')]);
    }));

  // These show that the tests above can fail.
  for (const way of ['normal', 'off']) {
    it(`finds every append of a log with synchronous=${way.toUpperCase()} acknowledged too early`, () =>
      trace(way, (calls) => {
        expect(appendsAcknowledgedTooEarly(calls)).to.deep.equal(singles);
      }));
  }

  it('finds a file that was never synced', () =>
    trace('unsyncedFile', (calls) => {
      const found = fileDurability(calls, 'large-blob', 'final');
      expect(found).to.deep.equal({ fileSynced: false, foldersAfterRename: [], folders: [] });
    }));
});
