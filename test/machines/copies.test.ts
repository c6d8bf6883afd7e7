import { expect } from 'chai';
import { toDomainEvent } from '../../domain/event-catalog.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { holdCopies } from '../../machines/due/hold-copies.ts';
import { RefusedWorkError } from '../../machines/due/performer.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completed, held, instant, likeness, measuring, queued, received } from '../domain/submission-examples.ts';
import { happen, submissionOf } from '../projections/fixtures.ts';
import { startWorld, type World } from './world.ts';

const copy = { ...likeness, submissionId: 'copy', received: 'later', similarity: 0.98 } as const;

describe('A copy that was judged before its original', () => {
  let log: EventLog;
  let world: World;
  beforeEach(() => {
    log = memoryEventLog();
    world = startWorld(log, { seconds: 0 });
  });
  afterEach(() => world.manager.close());

  /** As the gate of the original does it, once and again. */
  async function hold() {
    const { state } = await world.submissions.load(submissionStream('original'));
    if (state.phase === 'absent') throw new Error('there is no original');
    const due = { state, lastEventId: 'sketch of the original', revision: 1 };
    await holdCopies(world.submissions, due, [copy], { holdSeconds: 60, now: new Date(instant(0)) });
  }

  async function lastOf(id: string) {
    const events = await log.readStream(submissionStream(id));
    return toDomainEvent(events.at(-1)?.envelope ?? expect.fail('an empty stream'));
  }

  const given = (life: typeof completed) =>
    happen(log, [...submissionOf('original', [received]), ...submissionOf('copy', life)]);

  it('is held where it stands, with the original’s name', async () => {
    await given(queued);
    await hold();
    const { type, data } = await lastOf('copy');
    expect(type).to.equal('SubmissionHeld');
    expect(data).to.include({
      ...{ source: 'duplicate', operator: null, expiresAt: instant(60) },
      reason: 'Submission original, which was received earlier, has 98.0 % of its source in common.',
    });
  });

  it('is held by an audit once it is published', async () => {
    await given(completed);
    await hold();
    expect((await lastOf('copy')).data).to.include({ source: 'audit' });
  });

  it('is held once: a decision stands, wherever the copy is then', async () => {
    await given(measuring);
    await hold();
    const held = await world.submissions.load(submissionStream('copy'));
    if (held.state.phase !== 'held') return expect.fail(held.state.phase);
    const release = {
      kind: 'ResolveHold',
      resolution: 'release',
      operator: 'olga',
      reason: 'not alike',
      now: instant(1),
    } as const;
    const context = { causeId: 'release', correlationId: 'copy', at: instant(1) };
    await world.submissions.handle(submissionStream('copy'), { ...release, holdId: held.state.hold.holdId }, context);
    await hold();
    expect((await lastOf('copy')).type).to.equal('HoldResolved');
  });

  it('is held once another hold of it is released', async () => {
    await given([...queued.slice(0, -1), held('other', 'llm')]);
    await hold();
    expect((await lastOf('copy')).type).to.equal('OriginalFound');
    const release = { kind: 'ResolveHold', holdId: 'other', resolution: 'release', operator: 'olga' } as const;
    const context = { causeId: 'release', correlationId: 'copy', at: instant(1) };
    const command = { ...release, reason: 'clean', now: instant(1) };
    await world.submissions.handle(submissionStream('copy'), command, context);
    expect((await lastOf('copy')).data).to.include({ copyOf: 'original', expiresAt: instant(61) });
  });

  it('remains due where it can’t be told', async () => {
    await happen(log, submissionOf('original', [received]));
    const refused = await hold().catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(RefusedWorkError);
  });

  it('stays as it is where it has ended', async () => {
    await given([
      ...queued.slice(0, 2),
      { type: 'SubmissionRejected', data: { reason: 'gateFailed', gate: 'static', message: 'no' } },
    ]);
    await hold();
    expect((await lastOf('copy')).type).to.equal('SubmissionRejected');
  });
});
