import { chmod, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { toAttachment } from '../../domain/blob-digest.ts';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { openStorage, UnsupportedStorageError } from '../../storage/open-storage.ts';
import { eventNamed, eventsNamed, faultOf, namesOf, withFolder } from './fixtures.ts';

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

  for (const url of ['esdb://localhost:2113?tls=false', 'esdb+discover://cluster', 'kurrentdb://localhost']) {
    it(`${url} is not part of this version yet`, async () => {
      const fault = await faultOf(openStorage({ url }));
      expect(fault)
        .to.be.instanceOf(UnsupportedStorageError)
        .with.property('message')
        .that.contains('not part of this version');
    });
  }

  for (const url of ['', 'sqlite:', 'postgres://user:secret@host/db', '/var/lib/prism']) {
    it(`"${url}" names no storage, and is not repeated in the message`, async () => {
      const fault = await faultOf(openStorage({ url }));
      expect(fault)
        .to.be.instanceOf(UnsupportedStorageError)
        .with.property('message', 'a storage url is sqlite:<data folder>');
    });
  }
});
