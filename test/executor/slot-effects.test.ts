import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { launchCommands } from '../../executor/container-options.ts';
import { faultResult } from '../../executor/evidence.ts';
import { slotMachine } from '../../executor/executor-actor.ts';
import { followLog } from '../../executor/follow-log.ts';
import { abortedAttempts, activeLease } from '../../executor/leased-attempt.ts';
import { type ExecutorParts, planAttempt } from '../../executor/plan-attempt.ts';
import { reconcile } from '../../executor/reconcile.ts';
import { registerSlots } from '../../executor/register-slots.ts';
import { slotEffects } from '../../executor/slot-effects.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { recordOutcome, startAttempt } from '../domain/submission-examples.ts';
import { fakeEngine, type Program } from './fake-engine.ts';
import { bundleFiles, device, executorName, leasedSubmissions } from './leased-submission.ts';
import { bytesOf, digestOf, exampleManifest } from './run-examples.ts';

const silent = { info() {}, warn() {}, error() {} };
const plan = { device, deviceClass: 'cpu', cpuset: '0', memoryBytes: 8 * 2 ** 30 } as const;

/** One slot of an executor on a fake engine, on the real log, aggregates and machine. */
async function given(programs: Readonly<Record<string, Program>>) {
  const world = leasedSubmissions();
  const fake = fakeEngine(programs);
  const { log, submissions, slots, policy } = world;
  await registerSlots([plan], { cpus: 1, memoryBytes: 2 ** 40 }, { slots, executorName, now: () => new Date() });
  const digests = {
    runnerDigest: digestOf('runner'),
    dataDigest: digestOf('data'),
    valDigest: digestOf('val'),
    tokenizersDigest: digestOf('tokenizers'),
  };
  const parts: ExecutorParts = {
    ...{
      log,
      submissions,
      slots,
      blobs: memoryBlobs(),
      engine: fake.engine,
      readBundle: async () => bundleFiles,
      policyOf: () => policy,
    },
    ...{
      runner: { imageId: 'image', dataDir: '/d', valDir: '/v', tokenizersDir: '/t', ...digests },
      seasonSecret: Buffer.from('secret'),
      cutSecret: Buffer.from('cuts'),
      instance: 'test',
    },
    ...{ runtime: null, commands: launchCommands, hasLocalCgroups: false, now: () => new Date(), logger: silent },
    onProgress: () => {},
    timings: { refereeSettleMs: 50, contestantSettleMs: 50, socketPollMs: 5, frameLookMs: 5 },
  };
  const place = { executor: executorName, stream: world.slot, plan };
  /** A life of the executor: what a process does between its start and its end. */
  const live = async () => {
    const actor = createActor(slotMachine, { input: slotEffects(parts, place) });
    actor.start();
    const leased = await activeLease(log, world.slot);
    if (leased !== null) actor.send({ type: 'leased', leased });
    const following = followLog(log, 0, new Map([[world.slot, actor]]), silent);
    return {
      actor,
      stop: async () => {
        await following.close();
        actor.send({ type: 'stop' });
        await waitFor(actor, (snapshot) => snapshot.status === 'done');
      },
      crash: async () => {
        await following.close();
        actor.stop();
      },
    };
  };
  return { ...world, fake, live, parts };
}

const committed = 'what the contestant has answered';
const types = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type);

/** A referee that reports a contract failure of whatever it is asked about. */
const failing: Program = (self) => self.print('{"event":"ready"}\n');
const referee =
  (world: { current: Awaited<ReturnType<typeof given>> | null }): Program =>
  (self) => {
    failing(self, () => undefined);
    void world.current?.log
      .readStream(world.current.slot)
      .then(async () => self.write('prism_run_manifest.v2.json', await manifestFor(world.current)));
  };

async function manifestFor(world: Awaited<ReturnType<typeof given>> | null) {
  if (world === null) throw new Error('no world yet');
  const leased = await activeLease(world.log, world.slot);
  if (leased === null) throw new Error('no lease to report on');
  const { submissionId, run, attempt, fencingToken } = leased.lease;
  const { spec } = await planAttempt(world.parts, { executor: executorName, stream: world.slot, plan }, leased, false);
  const { provenance, ...rest } = exampleManifest();
  const { codeHash, seed, runnerDigest, dataDigest, tokenizersDigest } = spec;
  const asked = {
    submissionId,
    run,
    attempt,
    fencingToken,
    codeHash,
    seed,
    runnerDigest,
    dataDigest,
    tokenizersDigest,
  };
  const outcome = { kind: 'failed', verdict: 'contract', where: 'training.py:1', message: 'never opened' };
  return bytesOf({ ...rest, outcome, provenance: { ...provenance, ...asked } });
}

async function standing(contestant: Program) {
  const holder: { current: Awaited<ReturnType<typeof given>> | null } = { current: null };
  const world = await given({ referee: referee(holder), contestant });
  holder.current = world;
  world.fake.whenEnded('contestant', () => world.fake.find('referee')?.exit(0));
  return world;
}

describe('an executor slot', () => {
  it('takes a lease from the log to a recorded outcome, and leaves nothing behind', async () => {
    const world = await standing((self) => setTimeout(() => self.exit(1), 20));
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    const slot = await world.until(world.slot, 'LeaseReleased');
    expect(types(slot)).to.deep.equal(['SlotRegistered', 'LeaseGranted', 'LeaseReleased']);
    const events = await world.until(world.stream('s1'), 'SubmissionFailed');
    expect(types(events).slice(-3)).to.deep.equal(['AttemptStarted', 'AttemptFailed', 'SubmissionFailed']);
    expect(events.at(-2)?.data).to.include({ verdict: 'contract', where: 'training.py:1' });
    const all = await world.log.readAll(0, 100);
    const granted = all.find(({ envelope }) => envelope.type === 'LeaseGranted');
    const causes = all.filter(({ position }) => position > (granted?.position ?? 0));
    expect(new Set(causes.map(({ envelope }) => envelope.causationId))).to.deep.equal(new Set([granted?.envelope.id]));
    expect(world.fake.leftovers()).to.deep.equal([]);
    await life.stop();
  });

  it('goes on after a crash: the containers are adopted, and there is one outcome', async () => {
    let contestant: (() => void) | null = null;
    const world = await standing((self) => {
      contestant = () => self.exit(1);
    });
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    await waitFor(life.actor, () => true);
    await world.until(world.stream('s1'), 'AttemptStarted');
    while (contestant === null) await new Promise((resolve) => setImmediate(resolve));
    await life.crash();
    const next = await world.live();
    (contestant as () => void)();
    const events = await world.until(world.stream('s1'), 'SubmissionFailed');
    expect(types(events).filter((type) => type.startsWith('Attempt'))).to.deep.equal([
      'AttemptStarted',
      'AttemptFailed',
    ]);
    expect(world.fake.calls.filter((call) => call === 'start contestant')).to.have.length(1);
    await world.until(world.slot, 'LeaseReleased');
    await next.stop();
  });

  it('stops without a trace and runs the same attempt again in its next life', async () => {
    let lives = 0;
    const world = await standing((self) => {
      lives += 1;
      if (lives > 1) setTimeout(() => self.exit(1), 20);
    });
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    while (lives === 0) await new Promise((resolve) => setImmediate(resolve));
    await life.stop();
    expect(world.fake.leftovers()).to.deep.equal([]);
    const next = await world.live();
    const events = await world.until(world.stream('s1'), 'SubmissionFailed');
    expect(types(events).filter((type) => type.startsWith('Attempt'))).to.deep.equal([
      'AttemptStarted',
      'AttemptFailed',
    ]);
    await next.stop();
  });

  it('kills a cancelled attempt, and releases the lease after that', async () => {
    let isUp = false;
    const world = await standing(() => {
      isUp = true;
    });
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    while (!isUp) await new Promise((resolve) => setImmediate(resolve));
    await world.tell('s1', {
      kind: 'CancelAttempt',
      run: 'score',
      attempt: 1,
      fencingToken: 1,
      operator: 'olga',
      reason: 'enough',
    });
    const slot = await world.until(world.slot, 'LeaseReleased');
    expect(slot.at(-1)?.data).to.include({ reason: 'cancelled' });
    expect(world.fake.leftovers()).to.deep.equal([]);
    await life.stop();
  });

  it('waits for an engine that is away, and records it as unavailable only once the lease is over', async () => {
    const world = await standing(() => {});
    world.fake.break();
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1', 1, new Date(Date.now() + 600));
    const events = await world.until(world.stream('s1'), 'AttemptAborted');
    expect(events.at(-1)?.data).to.include({ reason: 'engineUnavailable' });
    // The lease is kept until the containers are known to be gone.
    expect(types(await world.until(world.slot, 'LeaseGranted'))).not.to.include('LeaseReleased');
    world.fake.repair();
    await world.until(world.slot, 'LeaseReleased');
    await life.stop();
  });

  it('is closed when its device is gone, before the outcome is recorded, which then costs the run no attempt', async () => {
    const world = await given({ referee: (self) => self.print('{"event":"ready"}\n') });
    await world.submit('s1');
    await world.grant('s1');
    const leased = await activeLease(world.log, world.slot);
    if (leased === null) throw new Error('no lease');
    const effects = slotEffects(world.parts, { executor: executorName, stream: world.slot, plan });
    const { signal } = new AbortController();
    await effects.start(leased, signal);
    for (let life = 0; life < 2; life += 1)
      await effects.record(leased, faultResult('deviceLost', 'the GPU has fallen off the bus'), signal);
    const slot = await world.until(world.slot, 'SlotQuarantined');
    expect(types(slot).slice(-2)).to.deep.equal(['SlotFaulted', 'SlotQuarantined']);
    expect(slot.at(-1)?.data).to.deep.equal({ operator: null, reason: 'deviceLost: the GPU has fallen off the bus' });
    const events = await world.until(world.stream('s1'), 'AttemptAborted');
    expect(events.at(-1)?.data).to.include({ reason: 'deviceLost', countsAgainstRun: false });
  });

  const committing: Program = (self, other) => {
    self.write('commitments.jsonl', committed);
    failing(self, other);
  };

  it('keeps what was committed to where the lease expires while the attempt runs', async () => {
    let isUp = false;
    const up: Program = () => {
      isUp = true;
    };
    const world = await given({ referee: committing, contestant: up });
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    while (!isUp) await new Promise((resolve) => setImmediate(resolve));
    const now = '2100-01-01T00:00:00.000Z';
    const context = { causeId: 'expiry', correlationId: 's1', at: now };
    await world.slots.handle(world.slot, { kind: 'ExpireLease', fencingToken: 1, now }, context);
    const events = await world.until(world.stream('s1'), 'AttemptAborted');
    expect(events.at(-1)?.data).to.include({ reason: 'leaseExpired' });
    expect(events.at(-1)?.data).to.have.nested.property('commitments.bytes', committed.length);
    await life.stop();
    expect(world.fake.leftovers()).to.deep.equal([]);
  });

  it('keeps what was committed to where we fail for good', async () => {
    const world = await given({ referee: committing });
    world.fake.engine.untilExited = () => Promise.reject(new Error('a bug'));
    await world.submit('s1');
    const life = await world.live();
    await world.grant('s1');
    const events = await world.until(world.stream('s1'), 'AttemptAborted');
    expect(events.at(-1)?.data).to.include({ reason: 'executorFault', message: 'a bug' });
    expect(events.at(-1)?.data).to.have.nested.property('commitments.bytes', committed.length);
    await world.until(world.slot, 'LeaseReleased');
    await life.stop();
  });

  it('plans an attempt without what an earlier one had committed to where that is lost', async () => {
    const world = await standing(() => {});
    await world.submit('s1');
    const lost = { sha256: 'c'.repeat(64), bytes: 1, keyId: null };
    await world.tell('s1', startAttempt('score', 1));
    const outcome = { kind: 'infrastructureFault', reason: 'refereeLost', message: 'm', log: null } as const;
    await world.tell('s1', recordOutcome('score', 1, { ...outcome, commitments: lost }));
    const lease = {
      submissionId: 's1',
      run: 'score',
      attempt: 2,
      fencingToken: 2,
      deadlineAt: '2030-01-01T00:00:00.000Z',
    };
    const place = { executor: executorName, stream: world.slot, plan };
    const planned = await planAttempt(world.parts, place, { lease, grantedBy: 'an event' }, false);
    expect(planned).to.have.nested.property('examining.committed').that.deep.equals([]);
    expect(planned.previousRefereeDeaths).to.equal(1);
  });

  it("counts the deaths of a run's referee", async () => {
    const world = await standing(() => {});
    await world.submit('s1');
    await world.tell('s1', {
      kind: 'StartAttempt',
      run: 'score',
      attempt: 1,
      fencingToken: 1,
      slot: 'x',
      executor: 'x',
      device,
      deviceClass: 'cpu',
      deadlineAt: '2030-01-01T00:00:00.000Z',
    });
    const commitments = { sha256: 'c'.repeat(64), bytes: 1, keyId: null };
    const outcome = {
      kind: 'infrastructureFault',
      reason: 'refereeLost',
      message: 'm',
      log: null,
      commitments,
    } as const;
    await world.tell('s1', recordOutcome('score', 1, outcome));
    expect(await abortedAttempts(world.log, world.stream('s1'), 'score')).to.deep.equal({
      refereeDeaths: 1,
      committed: [{ attempt: 1, commitments }],
    });
    expect(await abortedAttempts(world.log, world.stream('s1'), 'rerun')).to.deep.equal({
      refereeDeaths: 0,
      committed: [],
    });
  });
});

describe('reconcile', () => {
  it('removes what has no active lease, and leaves what has, and what is not ours', async () => {
    const fake = fakeEngine({});
    const make = (name: string, labels: Record<string, string>) =>
      fake.engine.ensureContainer({ name, Labels: labels });
    await make('orphan', { 'prism.instance': 'test', 'prism.attemptId': 'gone' });
    await make('active', { 'prism.instance': 'test', 'prism.attemptId': 'kept' });
    await make('inspector', { 'prism.instance': 'test', 'prism.role': 'inspector' });
    await make('foreign', { 'prism.instance': 'other', 'prism.attemptId': 'gone' });
    await fake.engine.ensureVolume({
      Name: 'orphan-volume',
      Labels: { 'prism.instance': 'test', 'prism.attemptId': 'gone' },
    });
    expect(await reconcile(fake.engine, 'test', new Set(['kept']))).to.have.members([
      'orphan',
      'inspector',
      'orphan-volume',
    ]);
    expect(fake.leftovers()).to.have.members(['active', 'foreign']);
    expect(await reconcile(fake.engine, 'test', new Set(['kept']))).to.deep.equal([]);
  });
});
