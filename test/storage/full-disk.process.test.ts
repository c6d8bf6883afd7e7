import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { eventNamed, faultOf, namesOf, range } from './fixtures.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

/** Needs a file system of its own to fill, and so the right to mount one. */
describe('a disk that is full or read-only', () => {
  let small: SmallDisk | null = null;
  let disk: string;

  beforeEach(function () {
    small = mountSmallDisk(4);
    if (small === null) this.skip();
    disk = small.path;
  });
  afterEach(() => small?.unmount());

  const large = (name: string) => eventNamed(name, 'a', { filler: 'x'.repeat(50_000) });

  it('full: each append of a group gets a clear error, nothing is half-written, and the log recovers when space returns', async () => {
    const { log, close } = await openStorage({ dataDir: join(disk, 'data') });
    await log.append('a', 'noStream', [large('before')]);
    small?.fill();

    const names = range(1, 8).map((n) => `refused-${n}`);
    const faults = await Promise.all(names.map((name) => faultOf(log.append('a', 'any', [large(name)]))));
    for (const fault of faults) {
      expect(fault).to.be.instanceOf(LogUnavailableError);
      expect(fault).to.include({ reason: 'diskFull', code: 'SQLITE_FULL' });
      expect(fault).to.have.property('message').that.contains('the disk is full');
      expect(fault).to.have.property('cause').that.is.instanceOf(Database.SqliteError);
    }
    expect(namesOf(await log.readAll(0, 100))).to.deep.equal(['before']);

    small?.free();
    const results = await Promise.all(names.map((name) => log.append('a', 'any', [large(name)])));
    expect(results.map(({ kind }) => kind)).to.deep.equal(names.map(() => 'appended'));
    await close();

    const again = await openStorage({ dataDir: join(disk, 'data') });
    const all = await again.log.readAll(0, 100);
    expect(namesOf(all)).to.deep.equal(['before', ...names]);
    expect(all.map(({ position }) => position)).to.deep.equal(range(1, 9));
    await again.close();
    const db = new Database(join(disk, 'data', 'events.sqlite'));
    expect(db.pragma('integrity_check', { simple: true })).to.equal('ok');
    db.close();
  });

  it('full: a large blob is refused, leaves nothing behind, and is taken when space returns', async () => {
    const { blobs, close } = await openStorage({ dataDir: join(disk, 'data') });
    await blobs.put(Buffer.alloc(100_000, 1));
    small?.fill();
    expect(await faultOf(blobs.put(Buffer.alloc(100_000, 2)))).to.have.property('code', 'ENOSPC');
    expect(await readdir(join(disk, 'data', 'blobs', 'incoming'))).to.deep.equal([]);
    small?.free();
    const { sha256 } = await blobs.put(Buffer.alloc(100_000, 2));
    expect(await blobs.has(sha256)).to.equal(true);
    await close();
  });

  it('full at the start: opening gives a clear error', async () => {
    mkdirSync(join(disk, 'data'));
    small?.fill();
    expect(await faultOf(openStorage({ dataDir: join(disk, 'data') })))
      .to.be.instanceOf(LogUnavailableError)
      .with.property('code')
      .that.matches(/^SQLITE_(FULL|IOERR|CANTOPEN)/);
  });

  for (const readOnly of [false, true]) {
    it(`read-only: opening ${readOnly ? 'for reading' : 'for writing'} gives a clear error`, async () => {
      const { log, close } = await openStorage({ dataDir: join(disk, 'data') });
      await log.append('a', 'any', [large('before')]);
      await close();
      expect(spawnSync('mount', ['-o', 'remount,ro', disk]).status).to.equal(0);
      const fault = await faultOf(openStorage({ dataDir: join(disk, 'data'), readOnly }));
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'readOnly');
      expect(fault).to.have.property('message').that.contains('must be writable');
    });
  }
});
