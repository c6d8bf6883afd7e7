import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { operatorStream } from '../../domain/operator/events.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { openStorage, type Storage } from '../../storage/open-storage.ts';
import { completed } from '../domain/submission-examples.ts';
import { allLiveRows, happen, submissionOf, variedHistory, versionedTables } from '../projections/fixtures.ts';
import { fillLog } from '../projections/long-history.ts';
import { withFolder } from '../storage/fixtures.ts';
import { runPrism, startPrism } from './prism-process.ts';

type Parts = {
  readonly dataDir: string;
  readonly storage: Storage;
  readonly db: ReturnType<typeof openProjectionDatabase>;
};

/** A data folder with read models, as a service leaves it or has it open. */
function withReadModels(fill: (storage: Storage) => Promise<unknown>, use: (parts: Parts) => Promise<void>) {
  return withFolder(async (dataDir) => {
    const storage = await openStorage({ dataDir });
    await fill(storage);
    const db = openProjectionDatabase(join(dataDir, 'read-models.sqlite'));
    await ensureLive({ db, log: storage.log, projections });
    try {
      await use({ dataDir, storage, db });
    } finally {
      db.close();
      await storage.close();
    }
  });
}

function scratchFiles(dataDir: string): readonly string[] {
  return readdirSync(dataDir).filter((name) => name.includes('scratch'));
}

describe('prism projections', function () {
  this.timeout(60_000);

  it('rebuild tells how it gets on, and swaps', () =>
    withReadModels(
      ({ log }) => fillLog(log, 3_000),
      async ({ dataDir, storage, db }) => {
        db.exec('DELETE FROM scores_v1');
        const { exitCode, lines } = await runPrism(dataDir, 'projections', 'rebuild', 'scores', 'miners');
        expect(exitCode).to.equal(0);
        const head = await storage.log.head();
        const [first] = lines;
        expect(first).to.include({ event: 'progress', phase: 'folding', head, events: 1_000, position: 1_000 });
        expect(first).to.include.keys('eventsPerSecond', 'etaSeconds');
        const rebuilt = lines.at(-1);
        expect(rebuilt).to.deep.include({ event: 'rebuilt', rebuilt: ['scores', 'miners'], events: head });
        expect(db.prepare('SELECT count(*) FROM scores_v2').pluck().get()).to.be.above(100);
        expect(versionedTables(db)).to.not.include('scores_v1');
      },
    ));

  for (const [signal, phase] of [
    ['SIGINT', 'folding'],
    ['SIGINT', 'copying'],
    ['SIGKILL', 'folding'],
    ['SIGKILL', 'copying'],
  ] as const) {
    it(`rebuild ended by ${signal} while ${phase} changes nothing, and needs no repair`, () =>
      withReadModels(
        ({ log }) => fillLog(log, 20_000),
        async ({ dataDir, db }) => {
          const [rows, tables] = [allLiveRows(db), versionedTables(db)];
          const rebuild = startPrism(dataDir, ['projections', 'rebuild']);
          for await (const line of rebuild.lines) {
            if (line.phase !== phase) continue;
            rebuild.kill(signal);
            break;
          }
          // What is left to do after copying takes a few ms: the signal may come too late.
          const tooLate = phase === 'copying' ? [0] : [];
          expect(await rebuild.ended).to.be.oneOf([signal === 'SIGINT' ? 130 : 'SIGKILL', ...tooLate]);
          expect(allLiveRows(db)).to.deep.equal(rows);
          if (signal === 'SIGINT') {
            expect(versionedTables(db)).to.have.length(tables.length);
            expect(scratchFiles(dataDir)).to.deep.equal([]);
          }
          expect((await runPrism(dataDir, 'projections', 'rebuild')).exitCode).to.equal(0);
          expect(allLiveRows(db)).to.deep.equal(rows);
          expect(versionedTables(db)).to.have.length(tables.length);
          expect(scratchFiles(dataDir)).to.deep.equal([]);
        },
      ));
  }

  it('creates nothing where no service has run', () =>
    withFolder(async (dataDir) => {
      for (const command of ['list', 'rebuild', 'verify']) {
        expect((await runPrism(dataDir, 'projections', command)).exitCode).to.equal(2);
      }
      expect(readdirSync(dataDir)).to.deep.equal([]);
    }));

  it('verify finds them equal, or names what differs', () =>
    withReadModels(
      ({ log }) => happen(log, variedHistory),
      async ({ dataDir, db }) => {
        const equal = await runPrism(dataDir, 'projections', 'verify');
        expect(equal.exitCode).to.equal(0);
        expect(equal.lines.at(-1)).to.include({ event: 'verified', isEqual: true });
        db.exec("UPDATE miners_v1 SET completed = 7 WHERE hotkey = 'bob'");
        const different = await runPrism(dataDir, 'projections', 'verify', 'miners', 'scores');
        expect(different.exitCode).to.equal(1);
        expect(JSON.stringify(different.lines.at(-1))).to.match(
          /"difference":\{"live":\{"hotkey":"bob","submissions":2,"completed":7/,
        );
        expect((await runPrism(dataDir, 'projections', 'verify', 'scores')).exitCode).to.equal(0);
        expect((await runPrism(dataDir, 'projections', 'verify', 'nothing')).exitCode).to.equal(2);
        expect(scratchFiles(dataDir)).to.deep.equal([]);
      },
    ));

  it('skip lets a projection go on by an event with name and reason, and refuses anything else', () =>
    withReadModels(
      ({ log }) =>
        happen(log, [
          ...submissionOf('one', completed),
          [submissionStream('one'), { type: 'SubmissionSangASong', data: {} }],
          ...submissionOf('two', completed),
        ]),
      async ({ dataDir, storage, db }) => {
        const { log } = storage;
        const [poison] = await log.readAll(completed.length, 1);
        const eventId = poison?.envelope.id ?? '';
        const listed = await runPrism(dataDir, 'projections', 'list');
        expect(listed.exitCode).to.equal(1);
        expect(JSON.stringify(listed.lines)).to.contain(eventId);

        const skip = (name: string, id: string, operator = 'olga', reason = 'nobody knows it') =>
          runPrism(dataDir, 'projections', 'skip', name, id, '--operator', operator, '--reason', reason);
        const [innocent] = await log.readAll(0, 1);
        expect((await skip('scores', innocent?.envelope.id ?? '')).exitCode).to.equal(4);
        expect((await skip('gpu_leases', eventId)).exitCode).to.equal(4);
        expect((await skip('scores', eventId, '')).exitCode).to.equal(4);
        expect((await skip('scores', eventId, 'olga', ' ')).exitCode).to.equal(4);
        expect((await skip('nothing', eventId)).exitCode).to.equal(2);
        expect((await runPrism(dataDir, 'projections', 'skip', 'scores', eventId)).exitCode).to.equal(2);
        expect(await log.readStream(operatorStream)).to.deep.equal([]);

        expect((await skip('scores', eventId)).lines).to.deep.include({
          ...{ skipped: eventId, projection: 'scores', isNew: true, position: await log.head() },
        });
        expect((await skip('scores', eventId)).lines[0]).to.include({ isNew: false });
        const [event] = await log.readStream(operatorStream);
        expect(event?.envelope).to.deep.include({
          type: 'ProjectionEventSkipped',
          data: { projection: 'scores', eventId, operator: 'olga', reason: 'nobody knows it' },
        });
        const refused = await runPrism(dataDir, 'projections', 'rebuild', 'miners');
        expect(refused.exitCode).to.equal(1);
        expect(refused.lines.at(-1)).to.deep.include({ event: 'refused', projection: 'miners' });
        expect((await runPrism(dataDir, 'projections', 'rebuild', 'scores')).exitCode).to.equal(0);
        expect(db.prepare('SELECT count(*) FROM scores_v2').pluck().get()).to.equal(2);
      },
    ));
});
