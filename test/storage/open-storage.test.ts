import { chmod, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { toAttachment } from '../../domain/blob-digest.ts';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { openStorage, type StorageLocation } from '../../storage/open-storage.ts';
import { shownUrl, UnsupportedStorageError } from '../../storage/storage-url.ts';
import { eventNamed, eventsNamed, faultOf, namesOf, withFolder } from './fixtures.ts';
import { startCluster } from './kurrent-fixtures.ts';

describe('open storage', () => {
  it('creates a data folder, and finds everything again', () =>
    withFolder(async (folder) => {
      const dataDir = join(folder, 'not', 'yet', 'there');
      const small = toAttachment(Buffer.from('small'));
      const first = await openStorage({ url: `sqlite:${dataDir}` });
      await first.log.append('a', 'noStream', [eventNamed('1', 'a')], [small.attachment]);
      const large = await first.blobs.put(Buffer.alloc(100_000));
      await first.close();

      const second = await openStorage({ dataDir });
      expect(namesOf(await second.log.readAll(0, 10))).to.deep.equal(['1']);
      expect((await buffer(await second.blobs.open(small.reference.sha256))).toString()).to.equal('small');
      expect((await buffer(await second.blobs.open(large.sha256))).byteLength).to.equal(100_000);
      await second.close();
    }));

  it('keeps blobs up to 64 KiB in the log file and larger ones in files', () =>
    withFolder(async (dataDir) => {
      const { blobs, close } = await openStorage({ dataDir });
      await blobs.put(Buffer.alloc(65_536));
      expect(await readdir(dataDir)).to.not.include('blobs');
      const { sha256 } = await blobs.put(Buffer.alloc(65_537));
      expect(await readdir(join(dataDir, 'blobs', sha256.slice(0, 2)))).to.deep.equal([sha256]);
      await close();
    }));

  it('sweeps what a dead writer left on its way in, and leaves what may still be written', () =>
    withFolder(async (dataDir) => {
      const incoming = join(dataDir, 'blobs', 'incoming');
      await mkdir(incoming, { recursive: true });
      const hours = (count: number) => new Date(Date.now() - count * 3_600_000);
      for (const [name, written] of [
        ['abandoned', hours(2)],
        ['in hand', hours(0.5)],
      ] as const) {
        await writeFile(join(incoming, name), 'half a blob');
        await utimes(join(incoming, name), written, written);
      }
      await (await openStorage({ dataDir })).close();
      expect(await readdir(incoming)).to.deep.equal(['in hand']);
    }));

  it('read-only reads beside a writer, sees what it appends, and refuses to write', () =>
    withFolder(async (dataDir) => {
      const writer = await openStorage({ dataDir });
      await writer.log.append('a', 'any', eventsNamed(['1'], 'a'));
      const reader = await openStorage({ dataDir, readOnly: true });
      await writer.log.append('a', 'any', eventsNamed(['2'], 'a'));
      expect(namesOf(await reader.log.readAll(0, 10))).to.deep.equal(['1', '2']);
      const refused = await faultOf(reader.log.append('a', 'any', eventsNamed(['3'], 'a')));
      expect(refused).to.be.instanceOf(LogUnavailableError).with.property('reason', 'readOnly');
      expect(namesOf(await writer.log.readAll(0, 10))).to.deep.equal(['1', '2']);
      await reader.close();
      await writer.close();
    }));

  it('read-only creates nothing', () =>
    withFolder(async (folder) => {
      const fault = await faultOf(openStorage({ dataDir: join(folder, 'none'), readOnly: true }));
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'cannotOpen');
      expect(await readdir(folder)).to.deep.equal([]);
    }));

  it('says that a file is no event log', () =>
    withFolder(async (dataDir) => {
      await writeFile(join(dataDir, 'events.sqlite'), 'a text, and a long one: '.repeat(100));
      const fault = await faultOf(openStorage({ dataDir }));
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'damaged');
      expect(fault).to.have.property('code', 'SQLITE_NOTADB');
    }));

  it('says that a folder cannot be written', async function () {
    // The superuser may write anywhere; he meets a read-only file system in the disk tests.
    if (process.getuid?.() === 0) this.skip();
    await withFolder(async (folder) => {
      await mkdir(join(folder, 'locked'));
      await chmod(join(folder, 'locked'), 0o500);
      expect(await faultOf(openStorage({ dataDir: join(folder, 'locked') }))).to.be.instanceOf(LogUnavailableError);
    });
  });

  it('keeps a cluster’s log apart from its blobs, which lie in files of the data folder or where they are said to be', () =>
    withFolder(async (dataDir) => {
      const cluster = await startCluster();
      const { attachment } = toAttachment(Buffer.from('small'));
      for (const [blobsUrl, folder] of [
        ['files', join(dataDir, 'blobs')],
        [`files:${dataDir}/shared`, join(dataDir, 'shared')],
      ] as const) {
        const storage = await openStorage({
          url: `${cluster.url}&streamPrefix=${basename(folder)}`,
          blobsUrl,
          dataDir,
        });
        await storage.log.append('a', 'noStream', eventsNamed(['1'], 'a'), [attachment]);
        const large = await storage.blobs.put(Buffer.alloc(100_000));
        for (const { sha256 } of [attachment, large]) {
          expect(await readdir(join(folder, sha256.slice(0, 2)))).to.deep.equal([sha256]);
          expect(await storage.blobs.has(sha256)).to.equal(true);
        }
        expect(storage.walBytes()).to.equal(0);
        await storage.close();
      }
      await cluster.stop();
    }));

  it('only reads a cluster’s log that it opened read-only', () =>
    withFolder(async (dataDir) => {
      const cluster = await startCluster();
      await cluster.open().append('a', 'noStream', eventsNamed(['1'], 'a'));
      const { log, close } = await openStorage({ url: cluster.url, dataDir, readOnly: true });
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1']);
      const refused = await faultOf(log.append('a', 'any', eventsNamed(['2'], 'a')));
      expect(refused).to.be.instanceOf(LogUnavailableError).with.property('reason', 'readOnly');
      await close();
      await cluster.stop();
    }));

  it('puts the large blobs of a local log into S3 if it is told to', () =>
    withFolder(async (dataDir) => {
      const blobsUrl = 's3://bucket?endpoint=http://127.0.0.1:9';
      const { blobs, close } = await openStorage({ dataDir, blobsUrl });
      const { sha256 } = await blobs.put(Buffer.alloc(65_536));
      expect(await blobs.has(sha256)).to.equal(true);
      expect(await readdir(dataDir)).to.not.include('blobs');
      await close();
    }));

  const logs = 'an event log is sqlite:<folder> or esdb://<host>';
  const stores = 'blobs are files, files:<folder> or s3://<bucket>';
  const refusedUrls: readonly [StorageLocation, string][] = [
    [{ url: '' }, logs],
    [{ url: 'sqlite:' }, logs],
    [{ url: 'postgres://user:secret@host/db' }, logs],
    [{ url: '/var/lib/prism' }, logs],
    [{ url: 'esdb://user:secret@host?a=b', dataDir: '/nowhere' }, 'option a is not supported'],
    [{ url: 'esdb://user:secret@host' }, stores],
    [{ dataDir: '/nowhere', blobsUrl: 'files:' }, stores],
    [{ dataDir: '/nowhere', blobsUrl: 'ftp://user:secret@host' }, stores],
    [{ dataDir: '/nowhere', blobsUrl: 's3://' }, 's3://<bucket>'],
  ];
  for (const [location, message] of refusedUrls) {
    it(`${JSON.stringify(location).replace('secret', '…')} names no storage, and is not repeated in the message`, async () => {
      const fault = await faultOf(openStorage(location));
      expect(fault).to.be.instanceOf(UnsupportedStorageError).with.property('message').that.contains(message);
      expect(String(fault)).to.not.contain('secret');
    });
  }

  it('shows urls without user and password', () => {
    expect(shownUrl('esdb://user:secret@host:1,other?tls=true')).to.equal('esdb://host:1,other?tls=true');
    expect(shownUrl('sqlite:/var/lib/prism')).to.equal('sqlite:/var/lib/prism');
  });
});
