import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { CorruptBlobError, sha256Hex } from '../../domain/blob-digest.ts';
import { blobsNamedIn } from '../../domain/blob-references.ts';
import { backup, FolderInUseError } from '../../storage/backup.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { DamagedBackupError, restore } from '../../storage/restore.ts';
import { eventNamed, faultOf, range, withFolder } from './fixtures.ts';
import { appendOne, everything, textsOf } from './histories.ts';

type Places = { readonly source: string; readonly folder: string; readonly dataDir: string };

/** A data folder with a history of twelve events, and its backup. */
function withBackup(use: (places: Places) => Promise<void>): Promise<void> {
  return withFolder(async (root) => {
    const places = { source: join(root, 'source'), folder: join(root, 'backup'), dataDir: join(root, 'restored') };
    const storage = await openStorage({ dataDir: places.source });
    for (const number of range(1, 12)) await appendOne(storage, number);
    await backup({ logPath: join(places.source, 'events.sqlite'), blobs: storage.blobs, folder: places.folder });
    await storage.close();
    await use(places);
  });
}

/** Large blobs lie in the backup by the first two digits of their names. */
async function largeBlobsIn(folder: string): Promise<readonly string[]> {
  const shards = (await readdir(join(folder, 'blobs'))).filter((name) => name !== 'incoming');
  const names = await Promise.all(shards.map((shard) => readdir(join(folder, 'blobs', shard))));
  return names.flat().map((name) => join(folder, 'blobs', name.slice(0, 2), name));
}

describe('a backup', () => {
  it('put back holds every event byte for byte, and every blob', () =>
    withBackup(async ({ source, folder, dataDir }) => {
      const made = await restore({ folder, dataDir });
      expect(made).to.include({ events: 12, head: 12, largeBlobs: 3, largeBlobBytes: 600_000 });
      expect(made.missingBlobs).to.deep.equal([]);
      const [before, after] = [await openStorage({ dataDir: source }), await openStorage({ dataDir })];
      const restored = await everything(after.log);
      expect(textsOf(restored)).to.deep.equal(textsOf(await everything(before.log)));
      for (const { sha256, bytes } of restored.flatMap(({ envelope }) => blobsNamedIn(envelope.data))) {
        const content = await buffer(await after.blobs.open(sha256));
        expect({ sha256: sha256Hex(content), bytes: content.byteLength }).to.deep.equal({ sha256, bytes });
      }
      await appendOne(after, 13);
      expect(await after.log.head()).to.equal(13);
      await before.close();
      await after.close();
    }));

  it('leaves out large blobs that no event names', () =>
    withFolder(async (root) => {
      const storage = await openStorage({ dataDir: join(root, 'source') });
      await storage.blobs.put(Buffer.alloc(100_000, 'orphan'));
      await appendOne(storage, 4);
      const logPath = join(root, 'source', 'events.sqlite');
      const made = await backup({ logPath, blobs: storage.blobs, folder: join(root, 'backup') });
      expect(made).to.include({ largeBlobs: 1, largeBlobBytes: 200_000 });
      await storage.close();
    }));

  it('says which blobs are nowhere, and can be put back all the same', () =>
    withFolder(async (root) => {
      const [source, folder, dataDir] = [join(root, 'source'), join(root, 'backup'), join(root, 'restored')];
      const storage = await openStorage({ dataDir: source });
      const sha256 = sha256Hex(Buffer.from('lost'));
      await storage.log.append('a', 'any', [eventNamed('1', 'a', { bundle: { sha256, bytes: 4, keyId: null } })]);
      await backup({ logPath: join(source, 'events.sqlite'), blobs: storage.blobs, folder });
      await storage.close();
      expect((await restore({ folder, dataDir })).missingBlobs).to.deep.equal([sha256]);
    }));

  it('is not written into a folder that holds something', () =>
    withBackup(async ({ source, folder }) => {
      const storage = await openStorage({ dataDir: source });
      const again = backup({ logPath: join(source, 'events.sqlite'), blobs: storage.blobs, folder });
      expect(await faultOf(again)).to.be.instanceOf(FolderInUseError);
      await storage.close();
    }));

  it('is not put back into a folder that holds something', () =>
    withBackup(async ({ folder, dataDir }) => {
      await mkdir(dataDir);
      await writeFile(join(dataDir, 'note'), 'mine');
      expect(await faultOf(restore({ folder, dataDir }))).to.be.instanceOf(FolderInUseError);
      expect(await readdir(dataDir)).to.deep.equal(['note']);
    }));

  it('is put back into an empty folder, over what an interrupted restore left', () =>
    withBackup(async ({ folder, dataDir }) => {
      await mkdir(dataDir);
      await mkdir(`${dataDir}.restoring`);
      await writeFile(join(`${dataDir}.restoring`, 'events.sqlite'), 'half');
      await restore({ folder, dataDir });
      expect((await readdir(dataDir)).toSorted()).to.deep.equal(['blobs', 'events.sqlite']);
      expect(existsSync(`${dataDir}.restoring`)).to.equal(false);
    }));

  const damages: readonly [string, (folder: string) => Promise<void>, new (...args: never[]) => Error][] = [
    ['that was interrupted', (folder) => rm(join(folder, 'backup.json')), DamagedBackupError],
    ['with a changed event', changeEvent, DamagedBackupError],
    ['that lacks its newest event', dropEvent, DamagedBackupError],
    ['with a changed large blob', changeBlob, CorruptBlobError],
    ['with a changed small blob', changeSmallBlob, CorruptBlobError],
  ];
  for (const [what, damage, error] of damages) {
    it(`${what} is not put back`, () =>
      withBackup(async ({ folder, dataDir }) => {
        await damage(folder);
        expect(await faultOf(restore({ folder, dataDir }))).to.be.instanceOf(error);
        expect([existsSync(dataDir), existsSync(`${dataDir}.restoring`)]).to.deep.equal([false, false]);
      }));
  }
});

function withRows(folder: string, change: (db: Database.Database) => void): void {
  const db = new Database(join(folder, 'events.sqlite'));
  const triggers = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck();
  for (const name of triggers.all()) if (name !== 'events_are_appended') db.exec(`DROP TRIGGER ${name}`);
  change(db);
  db.close();
}

async function changeEvent(folder: string): Promise<void> {
  withRows(folder, (db) => {
    const bytes = db.prepare<[], Buffer>('SELECT bytes FROM events WHERE position = 5').pluck().get();
    const forged = Buffer.from(bytes?.toString().replace('SomethingHappened', 'SomethingElse') ?? '');
    db.prepare('UPDATE events SET bytes = ? WHERE position = 5').run(forged);
  });
}

async function dropEvent(folder: string): Promise<void> {
  withRows(folder, (db) => db.exec('DELETE FROM events WHERE position = 12'));
}

async function changeSmallBlob(folder: string): Promise<void> {
  withRows(folder, (db) => db.exec("UPDATE blobs SET bytes = x'00'"));
}

async function changeBlob(folder: string): Promise<void> {
  const [path = ''] = await largeBlobsIn(folder);
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(7) ^ 1, 7);
  await writeFile(path, bytes);
}
