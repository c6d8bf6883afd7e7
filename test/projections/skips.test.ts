import { expect } from 'chai';
import { operatorStream } from '../../domain/operator/events.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import type { Projection } from '../../projections/projection.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { type Projector, startProjector } from '../../projections/projector.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { verifyProjections } from '../../projections/verify.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completed, waiting } from '../domain/submission-examples.ts';
import { countingProjection, countQueries } from './counting-projection.ts';
import { type Happened, happen, liveRows, submissionOf, temporaryDatabase } from './fixtures.ts';

const waitMs = 5_000;
const brittle = countingProjection({ name: 'brittle', poisonType: 'RunRequested' });
const sound = countingProjection({ name: 'sound' });
const all = [brittle, sound];

const skipOf = (eventId: string, { name }: Projection = brittle): Happened => [
  operatorStream,
  {
    type: 'ProjectionEventSkipped',
    data: { projection: name, eventId, operator: 'olga', reason: 'nobody knows what it means' },
  },
];

describe('an event that an operator skips', () => {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;
  let projector: Projector | null = null;

  beforeEach(() => {
    file = temporaryDatabase();
    log = memoryEventLog();
  });
  afterEach(async () => {
    await projector?.close();
    projector = null;
    file.dispose();
  });

  async function start(projections: readonly Projection[] = all): Promise<Projector> {
    await ensureLive({ db: file.db, log, projections });
    const onFault = (error: unknown) => {
      throw error;
    };
    projector = startProjector({ db: file.db, log, projections, onFault, retryDelayMs: 1 });
    return projector;
  }
  const statusOf = async ({ name }: Projection) =>
    projectionStatuses(file.db, all)(await log.head()).find((status) => status.name === name);
  async function poisonIdOf(projection: Projection): Promise<string> {
    return (await statusOf(projection))?.poison?.eventId ?? '';
  }
  /** The projector says when all that run have folded; one that was stopped joins them a moment later. */
  async function untilFolded(projection: Projection, position: number): Promise<void> {
    while ((await statusOf(projection))?.position !== position) await new Promise((resolve) => setImmediate(resolve));
  }

  it('lets its projection go on from there, and no other notices', async () => {
    const running = await start();
    await running.waitFor(await happen(log, submissionOf('one', completed)), waitMs);
    expect(await statusOf(brittle)).to.include({ state: 'poisoned' });
    const position = await happen(log, [skipOf(await poisonIdOf(brittle))]);
    await untilFolded(brittle, position);
    expect(await statusOf(brittle)).to.include({ state: 'live', lag: 0, poison: null });
    expect(countQueries(file.db, brittle)().events).to.equal(completed.length - 1);
    expect(countQueries(file.db, sound)().events).to.equal(completed.length);
  });

  it('lets it go on to the next that it cannot fold, which has to be skipped too', async () => {
    const running = await start();
    await running.waitFor(
      await happen(log, [...submissionOf('one', completed), ...submissionOf('two', completed)]),
      waitMs,
    );
    const first = await poisonIdOf(brittle);
    const position = await happen(log, [skipOf(first)]);
    await running.waitFor(position, waitMs);
    await untilFolded(brittle, completed.length + waiting.length - 1);
    const second = await poisonIdOf(brittle);
    expect(second).to.not.equal(first);
    const end = await happen(log, [skipOf(second)]);
    await untilFolded(brittle, end);
    expect(countQueries(file.db, brittle)().events).to.equal(2 * completed.length - 2);
  });

  it('stays skipped after a restart, in a rebuild and in a fold from zero, which all leave the same rows', async () => {
    const first = await start();
    await first.waitFor(await happen(log, submissionOf('one', completed)), waitMs);
    const position = await happen(log, [
      skipOf(await poisonIdOf(brittle)),
      ...submissionOf('two', waiting.slice(0, -1)),
    ]);
    await untilFolded(brittle, position);
    const rows = liveRows(file.db, brittle);
    await first.close();
    await start();
    expect(liveRows(file.db, brittle)).to.deep.equal(rows);

    await rebuild({ db: file.db, log, projections: all });
    expect(liveRows(file.db, brittle)).to.deep.equal(rows);
    expect(await statusOf(brittle)).to.include({ version: 2, state: 'live', position });

    const fresh = temporaryDatabase();
    await ensureLive({ db: fresh.db, log, projections: all });
    expect(liveRows(fresh.db, brittle)).to.deep.equal(rows);
    fresh.dispose();
    const [verified] = await verifyProjections({ db: file.db, log, projections: all });
    expect(verified).to.include({ name: 'brittle', isEqual: true });
  });

  it('is skipped by a service that was down when the operator decided', async () => {
    const first = await start();
    await first.waitFor(await happen(log, submissionOf('one', completed)), waitMs);
    await first.close();
    const position = await happen(log, [skipOf(await poisonIdOf(brittle))]);
    await start();
    await untilFolded(brittle, position);
    expect(await statusOf(brittle)).to.include({ state: 'live', poison: null });
  });

  it('makes a rebuild that may have folded it already begin again', async () => {
    await happen(log, submissionOf('one', completed));
    const mended = countingProjection({ name: 'brittle' });
    await ensureLive({ db: file.db, log, projections: [brittle] });
    const poison = await poisonIdOf(brittle);
    let decided = false;
    await rebuild({
      db: file.db,
      log: {
        ...log,
        async readAll(after, limit) {
          if (after > 0 && !decided) {
            decided = true;
            await happen(log, [skipOf(poison)]);
          }
          return log.readAll(after, limit);
        },
      },
      projections: [mended],
    });
    expect(decided).to.equal(true);
    expect(countQueries(file.db, mended)().events).to.equal(completed.length - 1);
  });

  it('does not mind what operators decide beside it, known or not', async () => {
    const running = await start();
    await happen(log, [
      [operatorStream, { type: 'SomethingDecidedLater', data: {} }],
      skipOf('3f1c9d52-6f0e-5f5e-9a57-3d1c2e4f5a60', sound),
    ]);
    const position = await happen(log, submissionOf('one', waiting.slice(0, -1)));
    await running.waitFor(position, waitMs);
    expect(countQueries(file.db, sound)().events).to.equal(waiting.length - 1);
    expect(await statusOf(brittle)).to.include({ state: 'live', position });
  });
});
