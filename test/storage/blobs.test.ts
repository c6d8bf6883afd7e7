import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { fileBlobs } from '../../storage/file-blobs.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { describeBlobsContract } from './blobs-contract.ts';

const newFolder = () => mkdtemp(join(tmpdir(), 'prism-storage-'));

function flipped(bytes: Uint8Array): Buffer {
  const damaged = Buffer.from(bytes);
  damaged.writeUInt8(damaged.readUInt8(0) ^ 1, 0);
  return damaged;
}

async function damageFile(root: string, sha256: string): Promise<void> {
  const path = join(root, sha256.slice(0, 2), sha256);
  await writeFile(path, flipped(await readFile(path)));
}

function damageRow(path: string, sha256: string): void {
  const db = new Database(path);
  db.exec('DROP TRIGGER blobs_are_not_updated');
  const bytes = db.prepare<[string], Uint8Array>('SELECT bytes FROM blobs WHERE sha256 = ?').pluck().get(sha256);
  db.prepare('UPDATE blobs SET bytes = ? WHERE sha256 = ?').run(flipped(bytes ?? Buffer.alloc(0)), sha256);
  db.close();
}

/** Names in the folder for blobs on their way in; none if nothing ever came. */
const incoming = (root: string) => readdir(join(root, 'incoming')).catch(() => []);

describeBlobsContract('sqlite', async () => {
  const folder = await newFolder();
  const path = join(folder, 'events.sqlite');
  const log = openSqliteEventLog({ path });
  return {
    blobs: log.blobs,
    damage: async (sha256) => damageRow(path, sha256),
    leftovers: async () => [],
    async dispose() {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
});

describeBlobsContract('files', async () => {
  const folder = await newFolder();
  return {
    blobs: fileBlobs(folder),
    damage: (sha256) => damageFile(folder, sha256),
    leftovers: () => incoming(folder),
    dispose: () => rm(folder, { recursive: true }),
  };
});

describeBlobsContract('memory', async () => {
  const stored = new Map<string, Uint8Array>();
  return {
    blobs: memoryBlobs(stored),
    damage: async (sha256) => {
      stored.set(sha256, flipped(stored.get(sha256) ?? Buffer.alloc(0)));
    },
    leftovers: async () => [],
    dispose: async () => {},
  };
});

describeBlobsContract('small ones in sqlite, large ones in files', async () => {
  const folder = await newFolder();
  const { blobs, close } = await openStorage({ dataDir: folder });
  return {
    blobs,
    async damage(sha256) {
      await damageFile(join(folder, 'blobs'), sha256).catch(() => damageRow(join(folder, 'events.sqlite'), sha256));
    },
    leftovers: () => incoming(join(folder, 'blobs')),
    async dispose() {
      await close();
      await rm(folder, { recursive: true });
    },
  };
});
