import { expect } from 'chai';
import { ContendedStreamError, commandHandler, ForbiddenEventError } from '../../domain/handle-command.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { permits } from '../../machines/submission-machine.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { contract, hold, instant, receipt, recordGate, resolveHold } from './submission-examples.ts';

const stream = submissionStream(receipt.submissionId);
const receive = { kind: 'ReceiveSubmission', received: receipt } as const;
const resolve = recordGate('contract', { kind: 'resolved', contract, gateVersion: '1' });
const context = (causeId: string) => ({ causeId, correlationId: receipt.submissionId, at: instant(0) });
const handlerOn = (log: EventLog) => commandHandler(log, submissionAggregate, permits);

async function typesIn(log: EventLog): Promise<readonly string[]> {
  return (await log.readStream(stream)).map(({ envelope }) => envelope.type);
}

/** Lets a foreign writer in right before each of the first `times` appends. */
function interrupted(log: EventLog, times: number, foreign: (round: number) => Promise<unknown>): EventLog {
  let round = 0;
  return {
    ...log,
    async append(...append) {
      if (round < times) {
        round += 1;
        await foreign(round);
      }
      return log.append(...append);
    },
  };
}

describe('Handling a command', () => {
  it('appends what decide yields, with ids derived from the cause', async () => {
    const log = memoryEventLog();
    const handled = await handlerOn(log).handle(stream, receive, context('c1'));
    expect(handled).to.deep.include({ kind: 'accepted', position: 1 });
    const [stored] = await log.readStream(stream);
    expect(stored?.envelope).to.deep.include({
      stream,
      type: 'SubmissionReceived',
      schemaVersion: 1,
      causationId: 'c1',
      correlationId: receipt.submissionId,
      recordedAt: instant(0),
      data: receipt,
    });
  });

  it('returns a refusal and appends nothing', async () => {
    const log = memoryEventLog();
    const handled = await handlerOn(log).handle(stream, resolve, context('c1'));
    expect(handled).to.include({ kind: 'rejection', reason: 'unknownSubmission' });
    expect(await log.head()).to.equal(0);
  });

  it('accepts what is already so, without an event', async () => {
    const log = memoryEventLog();
    const handler = handlerOn(log);
    await handler.handle(stream, receive, context('c1'));
    const again = await handler.handle(stream, receive, context('c2'));
    expect(again).to.deep.include({ kind: 'accepted', events: [], position: null });
    expect(await log.head()).to.equal(1);
  });

  it('decides again on what a faster writer left behind', async () => {
    const log = memoryEventLog();
    await handlerOn(log).handle(stream, receive, context('c1'));
    const foreign = () => handlerOn(log).handle(stream, hold('h1', 'operator'), context('foreign'));
    const refused = await handlerOn(interrupted(log, 1, foreign)).handle(stream, resolve, context('c2'));
    expect(refused).to.include({ kind: 'rejection', reason: 'notDue' });
    expect(await typesIn(log)).to.deep.equal(['SubmissionReceived', 'SubmissionHeld']);
  });

  it('tries again after a conflict that leaves the command as right as before', async () => {
    const log = memoryEventLog();
    const first = handlerOn(log);
    await first.handle(stream, receive, context('c1'));
    const foreign = async (round: number) => {
      await first.handle(stream, hold(`h${round}`, 'operator'), context(`hold-${round}`));
      await first.handle(stream, resolveHold(`h${round}`, 'release'), context(`release-${round}`));
    };
    const handled = await handlerOn(interrupted(log, 3, foreign)).handle(stream, resolve, context('c2'));
    expect(handled.kind).to.equal('accepted');
    expect(await log.head()).to.equal(8);
  });

  it('gives up with a fault where other writers win without end', async () => {
    const log = memoryEventLog();
    const losing: EventLog = { ...log, append: async () => ({ kind: 'conflict', actual: 0 }) };
    const failure = await handlerOn(losing)
      .handle(stream, receive, context('c1'))
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ContendedStreamError);
  });

  it('delivered twice is the same events once, also where the first answer was lost', async () => {
    const log = memoryEventLog();
    const losesAnswers: EventLog = {
      ...log,
      append: async (...append) => {
        await log.append(...append);
        throw new Error('the connection broke');
      },
    };
    const lost = await handlerOn(losesAnswers)
      .handle(stream, receive, context('c1'))
      .catch((error: unknown) => error);
    expect(lost).to.be.instanceOf(Error);
    const handler = handlerOn(log);
    const answers = await Promise.all([1, 2].map(() => handler.handle(stream, receive, context('c1'))));
    expect(answers.map(({ kind }) => kind)).to.deep.equal(['accepted', 'accepted']);
    expect(await typesIn(log)).to.deep.equal(['SubmissionReceived']);
  });

  it('appends nothing of a decision whose second event the machine doesn’t know there', async () => {
    const log = memoryEventLog();
    const loose = {
      ...submissionAggregate,
      decide: () => [
        { type: 'SubmissionReceived', data: receipt } as const,
        { type: 'ScoreVoided', data: { operator: 'olga', reason: 'no' } } as const,
      ],
    };
    const failure = await commandHandler(log, loose, permits)
      .handle(stream, receive, context('c1'))
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(ForbiddenEventError);
    expect(await log.head()).to.equal(0);
  });

  it('sees what others wrote since it folded the stream, and reads only that', async () => {
    const log = memoryEventLog();
    const reads: number[] = [];
    const watched: EventLog = {
      ...log,
      readStream: (name, from = 0, limit) => {
        reads.push(from);
        return log.readStream(name, from, limit);
      },
    };
    const mine = handlerOn(watched);
    const theirs = handlerOn(log);
    await theirs.handle(stream, receive, context('c1'));
    expect((await mine.load(stream)).state).to.include({ phase: 'gate', gate: 'contract' });
    await theirs.handle(stream, resolve, context('c2'));
    const folded = await mine.load(stream);
    expect(folded.state).to.include({ phase: 'gate', gate: 'static' });
    expect(folded.revision).to.equal(1);
    expect(folded.lastEvent?.envelope.type).to.equal('ContractResolved');
    expect(reads).to.deep.equal([0, 1]);
  });

  it('folds a stream longer than one page whole', async () => {
    const log = memoryEventLog();
    const writer = handlerOn(log);
    await writer.handle(stream, receive, context('c1'));
    for (let round = 1; round <= 300; round += 1) {
      await writer.handle(stream, hold(`h${round}`, 'operator'), context(`hold-${round}`));
      await writer.handle(stream, resolveHold(`h${round}`, 'release'), context(`release-${round}`));
    }
    expect(await handlerOn(log).load(stream)).to.deep.equal(await writer.load(stream));
    expect((await handlerOn(log).load(stream)).revision).to.equal(600);
  });

  it('reads each event of a long stream once, however many commands follow', async () => {
    const log = memoryEventLog();
    const setUp = handlerOn(log);
    await setUp.handle(stream, receive, context('c1'));
    for (let round = 1; round <= 400; round += 1) {
      await setUp.handle(stream, hold(`h${round}`, 'operator'), context(`hold-${round}`));
      await setUp.handle(stream, resolveHold(`h${round}`, 'release'), context(`release-${round}`));
    }
    let read = 0;
    const counting: EventLog = {
      ...log,
      async readStream(...query) {
        const page = await log.readStream(...query);
        read += page.length;
        return page;
      },
    };
    const handler = handlerOn(counting);
    for (let round = 401; round <= 500; round += 1) {
      await handler.handle(stream, hold(`h${round}`, 'operator'), context(`hold-${round}`));
      await handler.handle(stream, resolveHold(`h${round}`, 'release'), context(`release-${round}`));
    }
    await handler.load(stream);
    expect(read).to.equal(await log.head());
  });
});
