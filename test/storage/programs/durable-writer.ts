import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toAttachment } from '../../../domain/blob-digest.ts';
import { openStorage } from '../../../storage/open-storage.ts';
import { openConnection } from '../../../storage/sqlite-connection.ts';
import { sqliteEventLog } from '../../../storage/sqlite-event-log.ts';
import { eventNamed, eventsNamed, range } from '../fixtures.ts';
import { acknowledge } from './acknowledge.ts';

/** Writes into a data folder in one of several ways and acknowledges each write. Run under strace by the durability test. */
const [, , way = '', dataDir = ''] = process.argv;

async function appendSingly(log: ReturnType<typeof sqliteEventLog>): Promise<void> {
  for (const n of range(1, 3)) {
    await log.append('a', 'any', eventsNamed([`single-${n}`], 'a'));
    acknowledge(`single-${n}`);
  }
}

const unsafely = (synchronous: string) => async () => {
  const db = openConnection({ path: join(dataDir, 'events.sqlite') });
  db.pragma(`synchronous = ${synchronous}`);
  const log = sqliteEventLog(db);
  await appendSingly(log);
  await log.close();
};

const ways: Readonly<Record<string, () => Promise<void>>> = {
  async single() {
    const log = sqliteEventLog(openConnection({ path: join(dataDir, 'events.sqlite') }));
    await appendSingly(log);
    await log.close();
  },
  async group() {
    const { log, close } = await openStorage({ dataDir });
    await log.append('a', 'any', eventsNamed(['first'], 'a'));
    const append = async (n: number) => {
      await log.append('a', 'any', eventsNamed([`group-${n}`], 'a'));
      acknowledge(`group-${n}`);
    };
    await Promise.all(range(1, 8).map(append));
    await close();
  },
  async attachment() {
    const { log, close } = await openStorage({ dataDir });
    const { attachment } = toAttachment(Buffer.from('{"attached":"small-blob"}'));
    await log.append('a', 'any', [eventNamed('event', 'a')], [attachment]);
    acknowledge('small-blob');
    await close();
  },
  async largeBlob() {
    const { blobs, close } = await openStorage({ dataDir });
    await blobs.put(Buffer.alloc(300_000, 'large'));
    acknowledge('large-blob');
    await close();
  },
  normal: unsafely('NORMAL'),
  off: unsafely('OFF'),
  async unsyncedFile() {
    await mkdir(join(dataDir, 'blobs'));
    await writeFile(join(dataDir, 'blobs', 'temporary'), Buffer.alloc(300_000, 'large'));
    await rename(join(dataDir, 'blobs', 'temporary'), join(dataDir, 'blobs', 'final'));
    acknowledge('large-blob');
  },
};

await ways[way]?.();
