import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { blobsNamedIn } from '../../domain/blob-references.ts';
import { exportLog } from '../../storage/export-log.ts';
import { DamagedExportError, DivergedLogError, importLog } from '../../storage/import-log.ts';
import { memoryStorage, openStorage, type Storage } from '../../storage/open-storage.ts';
import { eventNamed, faultOf, range, withFolder } from './fixtures.ts';
import { appendOne, everything, textsOf } from './histories.ts';

const open = {
  memory: async () => memoryStorage(),
  sqlite: (folder: string) => openStorage({ dataDir: folder }),
};
type Kind = keyof typeof open;

async function linesOf({ log, blobs }: Storage, withBlobs = true): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of exportLog({ log, blobs: withBlobs ? blobs : null })) lines.push(JSON.stringify(line));
  return lines;
}

async function* given(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

function importInto({ log, blobs }: Storage, lines: readonly string[], atOnce = 1) {
  return importLog({ lines: given(lines), log, blobs, atOnce });
}

async function withHistory(use: (source: Storage, lines: readonly string[]) => Promise<void>): Promise<void> {
  const source = memoryStorage();
  for (const number of range(1, 12)) await appendOne(source, number);
  await use(source, await linesOf(source));
  await source.close();
}

describe('a log moved to another', () => {
  const moves: readonly [Kind, Kind, number][] = [
    ['memory', 'sqlite', 256],
    ['sqlite', 'memory', 1],
    ['sqlite', 'sqlite', 7],
    ['memory', 'memory', 1],
  ];
  for (const [from, to, atOnce] of moves) {
    it(`from ${from} to ${to} holds the same bytes in the same order, and every blob`, () =>
      withFolder((first) =>
        withFolder(async (second) => {
          const source = await open[from](first);
          for (const number of range(1, 40)) await appendOne(source, number);
          const target = await open[to](second);
          const end = await importInto(target, await linesOf(source), atOnce);
          expect(end).to.include({ events: 40, blobs: 50 });
          const moved = await everything(target.log);
          const original = await everything(source.log);
          expect(textsOf(moved)).to.deep.equal(textsOf(original));
          expect(moved.map(({ revision }) => revision)).to.deep.equal(original.map(({ revision }) => revision));
          for (const { sha256 } of moved.flatMap(({ envelope }) => blobsNamedIn(envelope.data))) {
            expect(await target.blobs.has(sha256)).to.equal(true);
          }
          expect(await linesOf(target)).to.deep.equal(await linesOf(source));
          await target.close();
          await source.close();
        }),
      ));
  }

  it('again is the same log', () =>
    withHistory(async (_source, lines) => {
      const target = memoryStorage();
      const first = await importInto(target, lines);
      expect(await importInto(target, lines, 5)).to.deep.equal(first);
      expect(await target.log.head()).to.equal(12);
    }));

  it('goes on where an import broke off', () =>
    withHistory(async (source, lines) => {
      for (const cut of range(0, lines.length - 1)) {
        const target = memoryStorage();
        expect(await faultOf(importInto(target, lines.slice(0, cut)))).to.be.instanceOf(DamagedExportError);
        await importInto(target, lines);
        expect(textsOf(await everything(target.log))).to.deep.equal(textsOf(await everything(source.log)));
      }
    }));

  it('without its blobs still holds every event', () =>
    withHistory(async (source) => {
      const target = memoryStorage();
      const end = await importInto(target, await linesOf(source, false));
      expect(end).to.include({ events: 12, blobs: 0 });
      expect(await target.blobs.has(sha256Hex(Buffer.from('small 1')))).to.equal(false);
    }));

  it('tells of a blob that is nowhere, and goes on', async () => {
    const source = memoryStorage();
    const sha256 = sha256Hex(Buffer.from('lost'));
    await source.log.append('a', 'any', [eventNamed('1', 'a', { bundle: { sha256, bytes: 4, keyId: null } })]);
    const missing: string[] = [];
    const kinds: string[] = [];
    for await (const line of exportLog({ ...source, onMissingBlob: (digest) => void missing.push(digest) })) {
      kinds.push(line.kind);
    }
    expect({ missing, kinds }).to.deep.equal({ missing: [sha256], kinds: ['log', 'event', 'end'] });
  });

  const changes: readonly [string, (line: string) => string][] = [
    ['an event', (line) => line.replace('\\"name\\":\\"5\\"', '\\"name\\":\\"6\\"')],
    [
      'a blob',
      (line) => line.replace(Buffer.from('small 5').toString('base64'), Buffer.from('small 6').toString('base64')),
    ],
    ['the count at the end', (line) => line.replace('"events":12', '"events":11')],
    ['a line', (line) => (line.includes('"kind":"part"') ? '{}' : line)],
    ['an event that isn’t canonical', reorder],
  ];
  for (const [what, change] of changes) {
    it(`is refused if ${what} was changed`, () =>
      withHistory(async (_source, lines) => {
        const changed = lines.map(change);
        expect(changed).to.not.deep.equal(lines);
        expect(await faultOf(importInto(memoryStorage(), changed))).to.be.instanceOf(DamagedExportError);
      }));
  }

  it('meets a history of its own: a conflict is a fault, and nothing is overwritten', () =>
    withHistory(async (_source, lines) => {
      const target = memoryStorage();
      await target.log.append('stream-2', 'any', [eventNamed('own', 'stream-2')]);
      const fault = await faultOf(importInto(target, lines));
      expect(fault).to.be.instanceOf(DivergedLogError).with.property('message').that.contains('stream-2 is at 0');
      expect((await target.log.readStream('stream-2')).map(({ envelope }) => envelope.data.name)).to.deep.equal([
        'own',
      ]);
    }));

  it('finds other bytes under the id of an event', () =>
    withHistory(async (_source, lines) => {
      const target = memoryStorage();
      await target.log.append('stream-1', 'any', [eventNamed('1', 'stream-1', { forged: true })]);
      expect(await faultOf(importInto(target, lines)))
        .to.be.instanceOf(DivergedLogError)
        .with.property('message')
        .that.contains('other bytes');
    }));
});

/** The same event with a right digest over bytes that aren't its canonical form. */
function reorder(line: string): string {
  const parsed: Record<string, unknown> = JSON.parse(line);
  if (parsed.kind !== 'event' || typeof parsed.text !== 'string') return line;
  const text = ` ${parsed.text}`;
  return JSON.stringify({ ...parsed, text, sha256: sha256Hex(Buffer.from(text)) });
}
