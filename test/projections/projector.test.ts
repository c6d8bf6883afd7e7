import { expect } from 'chai';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import type { Projection } from '../../projections/projection.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { type Projector, type ProjectorOptions, startProjector } from '../../projections/projector.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completed, received, waiting } from '../domain/submission-examples.ts';
import { countingProjection, countQueries } from './counting-projection.ts';
import { allLiveRows, happen, submissionOf, temporaryDatabase, variedHistory } from './fixtures.ts';

const waitMs = 5_000;

describe('the projector', () => {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;
  let projector: Projector | null = null;
  let started: readonly Projection[] = [];

  beforeEach(() => {
    file = temporaryDatabase();
    log = memoryEventLog();
  });
  afterEach(async () => {
    await projector?.close();
    projector = null;
    file.dispose();
  });

  async function start(all: readonly Projection[], options: Partial<ProjectorOptions> = {}): Promise<Projector> {
    started = all;
    await ensureLive({ db: file.db, log, projections: all });
    const onFault = (error: unknown) => {
      throw error;
    };
    projector = startProjector({ db: file.db, log, projections: all, onFault, retryDelayMs: 1, ...options });
    return projector;
  }
  const statusOf = async (name: string) =>
    projectionStatuses(file.db, [...projections, ...started])(await log.head()).find((status) => status.name === name);
  const rowsFromZero = async () => {
    const fresh = temporaryDatabase();
    await ensureLive({ db: fresh.db, log, projections });
    const rows = allLiveRows(fresh.db);
    fresh.dispose();
    return rows;
  };

  it('folds what happens while it runs, and says when a position is folded', async () => {
    const counts = countingProjection();
    const running = await start([counts]);
    const position = await happen(log, submissionOf('one', completed));
    expect(await running.waitFor(position, waitMs)).to.equal(true);
    expect(countQueries(file.db, counts)()).to.deep.equal({ events: completed.length, position });
  });

  it('does not wait for a position for longer than it is told to', async () => {
    const running = await start([countingProjection()]);
    expect(await running.waitFor(1, 1)).to.equal(false);
    expect(await running.waitFor(1, 0)).to.equal(false);
    expect(await running.waitFor(0, 0)).to.equal(true);
  });

  it('tells those who wait when it is closed', async () => {
    const running = await start([countingProjection()]);
    const answer = running.waitFor(1, waitMs);
    await running.close();
    expect(await answer).to.equal(false);
  });

  it('goes on after a restart where it stood', async () => {
    const counts = countingProjection();
    const first = await start([counts]);
    await first.waitFor(await happen(log, submissionOf('one', waiting)), waitMs);
    await first.close();
    const position = await happen(log, submissionOf('two', waiting));
    const asked: number[] = [];
    const second = await start([counts], {
      log: {
        ...log,
        subscribe(after, onPage) {
          asked.push(after);
          return log.subscribe(after, onPage);
        },
      },
    });
    expect(await second.waitFor(position, waitMs)).to.equal(true);
    expect(asked).to.deep.equal([waiting.length]);
    expect(countQueries(file.db, counts)().events).to.equal(2 * waiting.length);
  });

  it('leaves the rows that a fold from zero leaves, for every read model', async () => {
    const running = await start(projections);
    for (const happened of variedHistory) await running.waitFor(await happen(log, [happened]), waitMs);
    expect(allLiveRows(file.db)).to.deep.equal(await rowsFromZero());
  });

  it('folds once what is delivered twice, for every read model', async () => {
    const running = await start(projections, {
      log: {
        ...log,
        subscribe: (after, onPage) =>
          log.subscribe(after, async (page) => {
            await onPage(page);
            await onPage(await log.readAll(0, 1_000));
          }),
      },
    });
    for (const happened of variedHistory) await running.waitFor(await happen(log, [happened]), waitMs);
    expect(allLiveRows(file.db)).to.deep.equal(await rowsFromZero());
  });

  it('stops a projection at an event that it cannot fold, and no other', async () => {
    const brittle = countingProjection({ name: 'brittle', poisonType: 'RunRequested' });
    const sound = countingProjection({ name: 'sound' });
    const running = await start([brittle, sound]);
    const position = await happen(log, submissionOf('one', completed));
    expect(await running.waitFor(position, waitMs)).to.equal(true);
    expect(countQueries(file.db, sound)()).to.deep.equal({ events: completed.length, position });

    const poisonPosition = completed.findIndex(({ type }) => type === 'RunRequested') + 1;
    expect(countQueries(file.db, brittle)().events).to.equal(poisonPosition - 1);
    const [poisoned] = await log.readAll(poisonPosition - 1, 1);
    expect(await statusOf('brittle')).to.deep.include({
      state: 'poisoned',
      poison: {
        position: poisonPosition,
        eventId: poisoned?.envelope.id,
        error: 'TypeError: no idea what RunRequested means',
      },
    });
  });

  it('keeps what came before the poison in the same page, and stays poisoned after a restart', async () => {
    const brittle = countingProjection({ name: 'brittle', poisonType: 'RunRequested' });
    await happen(log, submissionOf('one', [received]));
    await (await start([brittle])).close();
    await happen(log, submissionOf('one', completed.slice(1)));
    const running = await start([brittle, countingProjection()]);
    await running.waitFor(await log.head(), waitMs);
    const status = await statusOf('brittle');
    expect(status).to.deep.include({ state: 'poisoned', position: waiting.length - 1 });
    expect(countQueries(file.db, brittle)().events).to.equal(waiting.length - 1);
  });

  it('stops the read models of submissions, and not those of slots, at an event of a submission that it cannot read', async () => {
    const running = await start(projections);
    await happen(log, [[submissionStream('one'), { type: 'SubmissionSangASong', data: {} }]]);
    const position = await happen(log, variedHistory);
    expect(await running.waitFor(position, waitMs)).to.equal(true);
    expect(await statusOf('submissions')).to.include({ state: 'poisoned', position: 0 });
    expect(await statusOf('gpu_leases')).to.include({ state: 'live', position, lag: 0 });
  });

  it('goes on with a mended projection that a rebuild has put in the place of a poisoned one', async () => {
    const running = await start([countingProjection({ poisonType: 'RunRequested' })]);
    await running.waitFor(await happen(log, submissionOf('one', completed)), waitMs);
    await running.close();
    const mended = countingProjection();
    const again = await start([mended]);
    await rebuild({ db: file.db, log, projections: [mended] });
    const position = await happen(log, submissionOf('two', completed));
    await again.waitFor(position, waitMs);
    expect(countQueries(file.db, mended)()).to.deep.equal({ events: 2 * completed.length, position });
  });

  it('tries again, and poisons nothing, when the file is locked for too long', async () => {
    const counts = countingProjection();
    const faults: unknown[] = [];
    const other = openProjectionDatabase(file.path);
    const running = await start([counts], {
      lockPatienceMs: 0,
      onFault(error) {
        faults.push(error);
        if (other.inTransaction) other.exec('COMMIT');
      },
    });
    other.exec('BEGIN IMMEDIATE');
    const position = await happen(log, submissionOf('one', [received]));
    expect(await running.waitFor(position, waitMs)).to.equal(true);
    other.close();
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include({ code: 'SQLITE_BUSY' });
    expect(await statusOf('counts')).to.include({ state: 'live', position });
  });

  it('subscribes again when the log fails', async () => {
    const faults: unknown[] = [];
    let subscriptions = 0;
    const lost = new Error('the cluster is gone');
    const running = await start([countingProjection()], {
      log: {
        ...log,
        subscribe(after, onPage) {
          subscriptions += 1;
          return subscriptions === 1
            ? { close: async () => {}, ended: Promise.reject(lost) }
            : log.subscribe(after, onPage);
        },
      },
      onFault: (error) => faults.push(error),
    });
    expect(await running.waitFor(await happen(log, submissionOf('one', [received])), waitMs)).to.equal(true);
    expect(faults).to.deep.equal([lost]);
  });
});
