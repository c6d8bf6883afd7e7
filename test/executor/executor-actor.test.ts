import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { faultResult } from '../../executor/evidence.ts';
import { type SlotActor, type SlotEffects, slotMachine } from '../../executor/executor-actor.ts';
import type { LeasedAttempt } from '../../executor/leased-attempt.ts';

const leasedAttempt = (fencingToken: number, submissionId = 's'): LeasedAttempt => ({
  lease: { submissionId, run: 'score', attempt: fencingToken, fencingToken, deadlineAt: '2030-01-01T00:00:00.000Z' },
  grantedBy: `grant-${fencingToken}`,
});

const result = faultResult('refereeLost', 'for the example');

/** Effects that note their calls; a test overrides what it is about. */
function actorWith(changes: Partial<SlotEffects> = {}) {
  const calls: string[] = [];
  const noting = <Answer>(name: string, answer: Answer) => {
    return async ({ lease }: LeasedAttempt) => {
      calls.push(`${name} ${lease.fencingToken}`);
      return answer;
    };
  };
  const effects: SlotEffects = {
    start: noting('start', { kind: 'started' }),
    run: noting('run', result),
    record: noting('record', undefined),
    clear: noting('clear', undefined),
    release: async ({ lease }, reason) => void calls.push(`release ${lease.fencingToken} ${reason}`),
    ...changes,
  };
  const actor = createActor(slotMachine, { input: effects });
  actor.start();
  return { actor, calls };
}

const isIdle = (actor: SlotActor) =>
  waitFor(actor, (snapshot) => snapshot.matches('idle') && snapshot.context.leased === null);
/** A run that ends with its signal only. */
const endless =
  (started?: () => void): SlotEffects['run'] =>
  (_, signal) => {
    started?.();
    return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
const lease = (fencingToken: number) => ({ type: 'leased', leased: leasedAttempt(fencingToken) }) as const;

describe('the actor of a slot', () => {
  it('starts, runs, records, clears and releases, in this order', async () => {
    const { actor, calls } = actorWith();
    actor.send(lease(1));
    await isIdle(actor);
    expect(calls).to.deep.equal(['start 1', 'run 1', 'record 1', 'clear 1', 'release 1 ended']);
  });

  it('takes a lease that is delivered twice once', async () => {
    const { actor, calls } = actorWith();
    actor.send(lease(1));
    actor.send(lease(1));
    await isIdle(actor);
    actor.send(lease(1));
    await isIdle(actor);
    expect(calls.filter((call) => call.startsWith('run'))).to.deep.equal(['run 1']);
  });

  it('releases without running where the submission refuses the start', async () => {
    const { actor, calls } = actorWith({ start: async () => ({ kind: 'refused', reason: 'attemptTaken' }) });
    actor.send(lease(1));
    await isIdle(actor);
    expect(calls).to.deep.equal(['clear 1', 'release 1 attemptTaken']);
  });

  it('keeps the next lease until the last one is released', async () => {
    const { actor, calls } = actorWith({
      release: async ({ lease: { fencingToken } }) => {
        calls.push(`release ${fencingToken}`);
        if (fencingToken === 1) actor.send(lease(2));
      },
    });
    actor.send(lease(1));
    await waitFor(actor, () => calls.includes('release 2'));
    expect(calls.indexOf('release 1')).to.be.lessThan(calls.indexOf('start 2'));
  });

  it('drops a waiting lease that expires before its turn', async () => {
    const { actor, calls } = actorWith({ run: endless() });
    actor.send(lease(1));
    actor.send(lease(2));
    actor.send({ type: 'leaseEnded', fencingToken: 2 });
    actor.send({ type: 'leaseEnded', fencingToken: 1 });
    await isIdle(actor);
    expect(calls.some((call) => call.endsWith(' 2'))).to.equal(false);
  });

  it('ends a cancelled run, kills before it releases, and records nothing', async () => {
    const { actor, calls } = actorWith({
      run: endless(() =>
        actor.send({ type: 'cancelled', submissionId: 's', run: 'score', attempt: 1, fencingToken: 1 }),
      ),
    });
    actor.send(lease(1));
    await isIdle(actor);
    expect(calls).to.deep.equal(['start 1', 'clear 1', 'release 1 cancelled']);
  });

  it('heeds no cancellation of another submission, run, attempt or token', async () => {
    const { actor, calls } = actorWith({ run: endless() });
    actor.send(lease(1));
    await waitFor(actor, (snapshot) => snapshot.matches('running'));
    const mine = { type: 'cancelled', submissionId: 's', run: 'score', attempt: 1, fencingToken: 1 } as const;
    for (const change of [{ submissionId: 'other' }, { run: 'rerun' }, { attempt: 2 }, { fencingToken: 2 }])
      actor.send({ ...mine, ...change });
    expect(actor.getSnapshot().value).to.equal('running');
    expect(calls).to.deep.equal(['start 1']);
    actor.stop();
  });

  it('records an expired lease as ours, and clears up', async () => {
    const recorded: unknown[] = [];
    const { actor, calls } = actorWith({
      run: endless(),
      record: async (_, { verdict }) => void recorded.push(verdict),
    });
    actor.send(lease(1));
    actor.send({ type: 'leaseEnded', fencingToken: 1 });
    await isIdle(actor);
    expect(recorded).to.have.nested.property('[0].reason', 'leaseExpired');
    expect(calls).to.deep.equal(['start 1', 'clear 1', 'release 1 expired']);
  });

  it('stops at once when it is idle', async () => {
    const { actor, calls } = actorWith();
    actor.send({ type: 'stop' });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(calls).to.deep.equal([]);
  });

  it('stops a run by removing its containers, records nothing and keeps the lease', async () => {
    const { actor, calls } = actorWith({ run: endless(() => actor.send({ type: 'stop' })) });
    actor.send(lease(1));
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(calls).to.deep.equal(['start 1', 'clear 1']);
  });

  it('finishes what it is recording before it stops', async () => {
    const { actor, calls } = actorWith({
      record: async () => {
        calls.push('record');
        actor.send({ type: 'stop' });
      },
    });
    actor.send(lease(1));
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(calls).to.deep.equal(['start 1', 'run 1', 'record', 'clear 1', 'release 1 ended']);
  });
});
