import { expect } from 'chai';
import fc from 'fast-check';
import { sha256Hex, toAttachment } from '../../domain/blob-digest.ts';
import type { EventEnvelope } from '../../domain/event.ts';
import type { Blobs } from '../../domain/ports/blobs.ts';
import type { EventLog, ExpectedRevision } from '../../domain/ports/event-log.ts';
import { InvalidAppendError, LogUnavailableError, MixedAppendError } from '../../domain/ports/event-log-errors.ts';
import { StoredEventError } from '../../storage/stored-event.ts';
import { appended, eventNamed, eventsNamed, faultOf, namesOf, range } from './fixtures.ts';
import { describeSubscriptionContract } from './subscription-contract.ts';

/** A fresh log, and the blobs in which its attachments are found. */
export type OpenLog = () => Promise<{ readonly log: EventLog; readonly blobs: Blobs; dispose(): Promise<void> }>;

/**
 * What every event log must do, whatever it is made of. Positions may be sparse. `findsIdsInOtherStreams` is for those that keep an
 * index of ids over all streams.
 */
export function describeEventLogContract(
  name: string,
  open: OpenLog,
  { findsIdsInOtherStreams }: { readonly findsIdsInOtherStreams: boolean },
): void {
  describe(`event log contract: ${name}`, () => {
    let log: EventLog;
    let blobs: Blobs;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      ({ log, blobs, dispose } = await open());
    });
    afterEach(() => dispose());

    describe('order', () => {
      it('is empty at first, with head 0', async () => {
        expect(await log.head()).to.equal(0);
        expect(await log.readAll(0, 10)).to.deep.equal([]);
        expect(await log.readStream('none')).to.deep.equal([]);
      });

      it('gives dense revisions in a stream and rising positions in the log', async () => {
        await log.append('a', 'noStream', eventsNamed(['1', '2'], 'a'));
        await log.append('b', 'noStream', eventsNamed(['3'], 'b'));
        const last = appended(await log.append('a', 1, eventsNamed(['4'], 'a')));
        const all = await log.readAll(0, 100);
        expect(namesOf(all)).to.deep.equal(['1', '2', '3', '4']);
        expect(all.map(({ revision }) => revision)).to.deep.equal([0, 1, 0, 2]);
        expect(all.every((event, index) => event.position > (all[index - 1]?.position ?? 0))).to.equal(true);
        expect(last).to.deep.include({ revision: 2, position: all.at(-1)?.position });
        expect(await log.head()).to.equal(last.position);
      });

      it('reads pages of the log strictly after a position', async () => {
        await log.append('a', 'any', eventsNamed(['1', '2', '3', '4', '5'], 'a'));
        const first = await log.readAll(0, 2);
        const second = await log.readAll(first.at(-1)?.position ?? 0, 2);
        const third = await log.readAll(second.at(-1)?.position ?? 0, 2);
        expect([first, second, third].map(namesOf)).to.deep.equal([['1', '2'], ['3', '4'], ['5']]);
        expect(await log.readAll(await log.head(), 2)).to.deep.equal([]);
      });

      it('reads pages of a stream from a revision on', async () => {
        await log.append('a', 'any', eventsNamed(['1', '2', '3'], 'a'));
        await log.append('b', 'any', eventsNamed(['other'], 'b'));
        expect(namesOf(await log.readStream('a'))).to.deep.equal(['1', '2', '3']);
        expect(namesOf(await log.readStream('a', 1, 1))).to.deep.equal(['2']);
        expect(await log.readStream('a', 3)).to.deep.equal([]);
      });

      it('returns the envelope as it was and its canonical bytes', async () => {
        const event = eventNamed('1', 'a', { z: 1, a: ['ü', null, 1e21], '10': true, '9': false });
        await log.append('a', 'any', [event]);
        const [recorded] = await log.readStream('a');
        expect(recorded?.envelope).to.deep.equal(event);
        expect(Buffer.from(recorded?.bytes ?? []).toString('utf8')).to.contain(
          '"data":{"10":true,"9":false,"a":["ü",null,1e+21],"name":"1","z":1}',
        );
      });
    });

    describe('expectations', () => {
      const verdicts: readonly [ExpectedRevision, 'appended' | 'conflict', 'appended' | 'conflict'][] = [
        // expected, on no stream, on a stream at revision 1
        ['any', 'appended', 'appended'],
        ['noStream', 'appended', 'conflict'],
        ['streamExists', 'conflict', 'appended'],
        [0, 'conflict', 'conflict'],
        [1, 'conflict', 'appended'],
        [2, 'conflict', 'conflict'],
      ];
      for (const [expected, onNone, onTwo] of verdicts) {
        it(`${expected}: ${onNone} without a stream, ${onTwo} at revision 1`, async () => {
          await log.append('two', 'any', eventsNamed(['1', '2'], 'two'));
          const none = await log.append('none', expected, eventsNamed(['3'], 'none'));
          const two = await log.append('two', expected, eventsNamed(['3'], 'two'));
          expect(none.kind).to.equal(onNone);
          expect(two.kind).to.equal(onTwo);
          if (none.kind === 'conflict') expect(none.actual).to.equal('noStream');
          if (two.kind === 'conflict') expect(two.actual).to.equal(1);
        });
      }

      it('a conflict writes nothing, attachments included', async () => {
        await log.append('a', 'any', eventsNamed(['1'], 'a'));
        const { attachment } = toAttachment(Buffer.from('refused'));
        const result = await log.append('a', 'noStream', eventsNamed(['2'], 'a'), [attachment]);
        expect(result.kind).to.equal('conflict');
        expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1']);
        expect(await blobs.has(attachment.sha256)).to.equal(false);
      });
    });

    describe('idempotence', () => {
      it('appends stored ids again with the first result and the first bytes, whatever was expected', async () => {
        const first = await log.append('a', 'noStream', eventsNamed(['1', '2'], 'a'));
        await log.append('a', 1, eventsNamed(['3'], 'a'));
        const changed = eventsNamed(['1', '2'], 'a').map((event) => ({ ...event, type: 'SomethingElse' }));
        for (const expected of ['noStream', 'any', 0, 7] satisfies ExpectedRevision[]) {
          expect(await log.append('a', expected, changed)).to.deep.equal(first);
        }
        const stored = await log.readStream('a');
        expect(namesOf(stored)).to.deep.equal(['1', '2', '3']);
        expect(stored.map(({ envelope }) => envelope.type)).to.not.include('SomethingElse');
      });

      it('the same append twice at once is one', async () => {
        const events = eventsNamed(['1', '2'], 'a');
        const [first, second] = await Promise.all([
          log.append('a', 'noStream', events),
          log.append('a', 'noStream', events),
        ]);
        expect(second).to.deep.equal(first);
        expect((await log.readAll(0, 10)).length).to.equal(2);
      });

      it('a mixture of stored and new ids is a fault and writes nothing', async () => {
        await log.append('a', 'any', eventsNamed(['1'], 'a'));
        expect(await faultOf(log.append('a', 'any', eventsNamed(['1', '2'], 'a')))).to.be.instanceOf(MixedAppendError);
        expect(await faultOf(log.append('a', 'any', eventsNamed(['2', '1'], 'a')))).to.be.instanceOf(MixedAppendError);
        expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1']);
      });

      it('an id that is stored in another stream is a fault', async function () {
        if (!findsIdsInOtherStreams) this.skip();
        await log.append('a', 'any', eventsNamed(['1'], 'a'));
        const stolen = { ...eventNamed('1', 'a'), stream: 'b' };
        expect(await faultOf(log.append('b', 'any', [stolen]))).to.be.instanceOf(MixedAppendError);
        expect((await log.readAll(0, 10)).length).to.equal(1);
      });
    });

    describe('concurrency', () => {
      it('of two appends with the same expected revision one wins, and the other learns the revision', async () => {
        await log.append('a', 'noStream', eventsNamed(['0'], 'a'));
        const results = await Promise.all(
          ['left', 'right'].map((side) => log.append('a', 0, eventsNamed([side], 'a'))),
        );
        expect(results.map(({ kind }) => kind).sort()).to.deep.equal(['appended', 'conflict']);
        expect(results.find((result) => result.kind === 'conflict')).to.deep.equal({ kind: 'conflict', actual: 1 });
        expect((await log.readStream('a')).length).to.equal(2);
      });

      it('64 appends at once to one stream, expecting any, all get a place of their own', async () => {
        const names = range(1, 64).map(String);
        const results = await Promise.all(names.map((name) => log.append('a', 'any', eventsNamed([name], 'a'))));
        expect(results.map((result) => appended(result).revision).sort((x, y) => x - y)).to.deep.equal(range(0, 63));
        expect(new Set(results.map((result) => appended(result).position)).size).to.equal(64);
        expect(new Set(namesOf(await log.readStream('a')))).to.deep.equal(new Set(names));
      });

      it('a faulty append among others fails alone', async () => {
        await log.append('a', 'any', eventsNamed(['stored'], 'a'));
        const results = await Promise.allSettled([
          log.append('a', 'any', eventsNamed(['before'], 'a')),
          log.append('a', 'any', eventsNamed(['new', 'stored'], 'a')),
          log.append('a', 1, eventsNamed(['after'], 'a')),
          log.append('a', 1, eventsNamed(['late'], 'a')),
        ]);
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
        expect(namesOf(await log.readStream('a'))).to.deep.equal(['stored', 'before', 'after']);
      });

      it('any interleaving of concurrent appends keeps revisions dense and one winner a revision', async () => {
        const appends = fc.array(
          fc.record({
            stream: fc.constantFrom('x', 'y', 'z'),
            expected: fc.constantFrom<ExpectedRevision>('any', 'noStream', 'streamExists', 0, 1, 2, 3),
            size: fc.integer({ min: 1, max: 3 }),
          }),
          { maxLength: 24 },
        );
        let round = 0;
        await fc.assert(
          fc.asyncProperty(appends, async (plan) => {
            round += 1;
            const before = await log.head();
            const results = await Promise.all(
              plan.map(async ({ stream, expected, size }, index) => {
                const full = `${stream}${round}`;
                const names = range(1, size).map((part) => `${index}.${part}`);
                return { full, size, expected, result: await log.append(full, expected, eventsNamed(names, full)) };
              }),
            );
            const all = await log.readAll(before, 1_000);
            const won = results.filter(({ result }) => result.kind === 'appended');
            expect(all.length).to.equal(won.reduce((sum, { size }) => sum + size, 0));
            for (const full of ['x', 'y', 'z'].map((stream) => `${stream}${round}`)) {
              const revisions = all.filter(({ envelope }) => envelope.stream === full).map(({ revision }) => revision);
              expect(revisions).to.deep.equal(range(0, revisions.length - 1));
            }
            for (const { size, expected, result } of won) {
              if (typeof expected === 'number') expect(appended(result).revision).to.equal(expected + size);
            }
          }),
          { numRuns: 25 },
        );
      });
    });

    describe('attachments', () => {
      it('are there when the append is', async () => {
        const { attachment, reference } = toAttachment(Buffer.from('bundle'));
        await log.append('a', 'any', [eventNamed('1', 'a', { sha256: reference.sha256 })], [attachment]);
        expect(await blobs.has(reference.sha256)).to.equal(true);
      });

      it('are refused if the digest is another one, and with them the events', async () => {
        const wrong = { sha256: sha256Hex(Buffer.from('x')), bytes: Buffer.from('y') };
        expect(await faultOf(log.append('a', 'any', eventsNamed(['1'], 'a'), [wrong]))).to.be.instanceOf(
          InvalidAppendError,
        );
        expect(await log.head()).to.equal(0);
      });

      it('are refused beyond 64 KiB', async () => {
        const { attachment } = toAttachment(Buffer.alloc(65_537));
        expect(await faultOf(log.append('a', 'any', eventsNamed(['1'], 'a'), [attachment]))).to.be.instanceOf(
          InvalidAppendError,
        );
        expect(await log.head()).to.equal(0);
      });

      it('may be attached again by another append', async () => {
        const { attachment } = toAttachment(Buffer.from('twice'));
        await log.append('a', 'any', eventsNamed(['1'], 'a'), [attachment]);
        await log.append('a', 'any', eventsNamed(['2'], 'a'), [attachment]);
        expect(await log.readStream('a')).to.have.length(2);
      });
    });

    describe('what no log takes', () => {
      const event = eventNamed('1', 'a');
      const refused: readonly [string, readonly EventEnvelope[], new (...args: never[]) => Error][] = [
        ['no events', [], InvalidAppendError],
        ['an event of another stream', [eventNamed('1', 'b')], InvalidAppendError],
        ['an id twice', [event, event], InvalidAppendError],
        ['an id that is no UUID', [{ ...event, id: '1' }], StoredEventError],
        ['a time that is no instant', [{ ...event, recordedAt: '2025-01-01' }], StoredEventError],
        ['a schema version of 0', [{ ...event, schemaVersion: 0 }], StoredEventError],
      ];
      for (const [what, events, error] of refused) {
        it(`${what} is a fault and writes nothing`, async () => {
          expect(await faultOf(log.append('a', 'any', events))).to.be.instanceOf(error);
          expect(await log.head()).to.equal(0);
        });
      }

      it('a page of no events, or before the beginning, is a RangeError', async () => {
        expect(await faultOf(log.readAll(0, 0))).to.be.instanceOf(RangeError);
        expect(await faultOf(log.readAll(-1, 1))).to.be.instanceOf(RangeError);
        expect(await faultOf(log.readStream('a', 0.5))).to.be.instanceOf(RangeError);
      });
    });

    describe('close', () => {
      it('lets appends that were begun end, and refuses what comes after', async () => {
        const begun = log.append('a', 'any', eventsNamed(['1'], 'a'));
        await log.close();
        expect((await begun).kind).to.equal('appended');
        for (const refused of [log.append('a', 'any', eventsNamed(['2'], 'a')), log.readAll(0, 1), log.head()]) {
          expect(await faultOf(refused))
            .to.be.instanceOf(LogUnavailableError)
            .with.property('reason', 'closed');
        }
      });

      it('may be called twice', async () => {
        await Promise.all([log.close(), log.close()]);
        await log.close();
      });
    });

    describeSubscriptionContract(() => log);
  });
}
