import { expect } from 'chai';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { beginningsOf, correlated } from '../domain/causes.ts';
import { receipt } from '../domain/submission-examples.ts';
import { prepare, runToTheEnd, startWorld, typesIn } from './world.ts';

const slot = 'slot-host-gpu0';

describe('The causes of a submission’s events', () => {
  it('lead back to its receipt from every event of its whole life, the slot’s included', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const clock = { seconds: 0 };
    const world = startWorld(log, clock);
    while (!(await typesIn(log, slot)).includes('LeaseGranted')) await world.step();
    await world.execute('dies');
    clock.seconds = 86_400;
    await runToTheEnd(world);
    await world.manager.close();

    const ofSubmission = correlated(await log.readAll(0, 1_000), receipt.submissionId);
    const types = ofSubmission.map(({ envelope }) => envelope.type);
    expect(types).to.include.members(['AttemptAborted', 'SubmissionCompleted']);
    expect(types).to.include.members([...(await typesIn(log)), 'LeaseGranted', 'LeaseExpired', 'LeaseReleased']);
    expect(beginningsOf(ofSubmission)).to.deep.equal(['receive']);
  });

  it('are told apart from those of another matter', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const all = await log.readAll(0, 1_000);
    expect(beginningsOf(all)).to.deep.equal(['policy', 'gpu0', 'receive']);
  });
});
