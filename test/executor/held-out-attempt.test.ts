import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { AttemptResult } from '../../executor/attempt.ts';
import { type Seat, seats } from '../../executor/attempt-names.ts';
import { launchCommands } from '../../executor/container-options.ts';
import { clearPair } from '../../executor/container-pair.ts';
import { toRecordable } from '../../executor/evidence.ts';
import { type HeldOutPlan, runHeldOutAttempt } from '../../executor/held-out-attempt.ts';
import type { HeldOutSpec } from '../../executor/run-spec.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { type FakeContainer, fakeEngine, type Program } from './fake-engine.ts';
import { bytesOf, digestOf, exampleManifest, spec } from './run-examples.ts';

const { submissionId, attempt, fencingToken } = spec;
const key = { submissionId, run: 'heldOut', attempt, fencingToken };
const scope = { instance: 'test', slot: 'slot-host-cpu0', key };
const state = Buffer.from('the exported state');
const heldOut: HeldOutSpec = {
  ...{ side: 'val', batchSize: 4, seqLen: 64, tokenBudget: 4_096, bytes: 2_000, released: [] },
  ...{ stateDigest: digestOf(state.toString()), cutKey: spec.decoys.cutKey, cuts: 64 },
  ...{ equalityBoundMicroNats: 50_000, resamples: 10 },
};

function planOf(supervision: Partial<HeldOutPlan['supervision']> = {}): HeldOutPlan {
  return {
    kind: 'heldOut',
    pair: {
      ...{ scope, imageId: 'image', commands: launchCommands, heldOutSeats: seats },
      ...{ deadlineAt: '2030-01-01T00:00:00.000Z', cpuset: '0', threads: 1 },
      ...{ memoryBytes: 2 ** 28, pids: 64, artifactsBytes: 2 ** 20, device: 'cpu0', deviceClass: 'cpu' },
      ...{ dataDir: '/srv/val', tokenizersDir: '/srv/tokenizers', runtime: null, cgroupParent: null },
    },
    spec: { ...spec, ...key, purpose: 'heldOut', heldOut },
    bundle: Buffer.from('bundle'),
    state: { bytes: state.byteLength, open: async () => Readable.from([state]) },
    supervision: {
      ...{ cgroupParent: null, outputBytes: 1_000, timeoutSeconds: 3_600 },
      ...{ deadlineAt: new Date(Date.now() + 3_600_000), now: () => new Date(), onProgress: () => {} },
      onImageHeld: () => {},
      ...{ frames: { cpuSeconds: 10, wallSeconds: 40 }, cpuTimes: async () => null },
      timings: { refereeSettleMs: 50, contestantSettleMs: 50, socketPollMs: 5, frameLookMs: 5 },
      ...supervision,
    },
    ...{ previousRefereeDeaths: 0, hasPolicyMemory: true, engineInterrupted: false },
  };
}

const estimate = (bitsPerByte: number) => ({ bitsPerByte, standardErrorBpb: 0.01 });
const measured = {
  ...{ verdict: 'measured', reason: null, contestant: null },
  ...{ trained: estimate(3.1234), twin: estimate(7.9), delta: estimate(4.7766) },
  counts: { documents: 5, bytes: 1_990, tokens: 1_990, cuts: 64 },
};
const unmeasured = { trained: null, twin: null, delta: null, counts: null };

function resultOf(changes: object): Uint8Array {
  const { provenance } = exampleManifest();
  const asked = { ...provenance, run: 'heldOut', purpose: 'heldOut' };
  const shared = { schema: 'prism_heldout.v1', provenance: asked, side: 'val', stateDigest: heldOut.stateDigest };
  return bytesOf({ ...shared, ...changes });
}

const roleAt = (seat: Seat) => (seat === 0 ? 'contestant' : `contestant-${seat}`);
const say = (referee: FakeContainer | undefined, event: string, seat: Seat) =>
  referee?.print(`${JSON.stringify({ event, contestant: seat })}\n`);

/** A contestant that answers everything; the referee then waits at the next seat, or is through. */
const answering =
  (seat: Seat, leaves = true): Program =>
  (self, other) => {
    const referee = other('referee');
    for (const event of ['connected', 'contestantDone']) say(referee, event, seat);
    if (leaves) self.exit(0);
    if (seat === 2) {
      referee?.write('heldout.json', resultOf(measured));
      referee?.exit(0);
    } else {
      say(referee, 'ready', (seat + 1) as Seat);
    }
  };
/** One that ends before it has answered; the referee says what it saw. */
const failing =
  (exitCode: number, changes: object): Program =>
  (self, other) => {
    const referee = other('referee');
    referee?.write('heldout.json', resultOf({ ...unmeasured, ...changes }));
    self.print('text of the val split');
    self.exit(exitCode);
    referee?.exit(0);
  };
const honest: Readonly<Record<string, Program>> = {
  referee: (self) => say(self, 'ready', 0),
  ...Object.fromEntries(seats.map((seat) => [roleAt(seat), answering(seat)])),
};

const run = (fake: ReturnType<typeof fakeEngine>, plan = planOf()) =>
  runHeldOutAttempt(fake.engine, plan, new AbortController().signal);
const verdictOf = ({ verdict }: AttemptResult) =>
  verdict.kind === 'completed'
    ? 'completed'
    : verdict.kind === 'infrastructureFault'
      ? verdict.reason
      : verdict.verdict;

describe('runHeldOutAttempt', () => {
  it('runs one contestant after the other has ended, and comes to integers', async () => {
    const fake = fakeEngine(honest);
    const alive: number[] = [];
    const { start } = fake.engine;
    fake.engine.start = async (name) => {
      await start(name);
      alive.push(seats.filter((seat) => fake.find(roleAt(seat))?.status() === 'running').length);
    };
    const result = await run(fake);
    expect(verdictOf(result)).to.equal('completed');
    expect(result.heldOut?.measurement).to.deep.include({
      trained: { microBitsPerByte: 3_123_400, standardErrorMicroBits: 10_000 },
      stateDigest: heldOut.stateDigest,
    });
    expect(fake.calls.filter((call) => call.startsWith('start'))).to.deep.equal([
      ...['start referee', 'start contestant', 'start contestant-1', 'start contestant-2'],
    ]);
    expect(alive).to.deep.equal([0, 1, 1, 1]);
    const [inputs] = fake.inputs;
    expect(inputs?.includes('in/state.safetensors') && inputs.includes(state)).to.equal(true);
  });

  it('is stored as one document, and with nothing that a contestant printed', async () => {
    const crashed = {
      ...honest,
      contestant: failing(1, { verdict: 'failed', reason: 'exception', contestant: 'trained' }),
    };
    for (const [programs, kind] of [
      [honest, 'heldOutMeasured'],
      [crashed, 'submissionFault'],
    ] as const) {
      const result = await run(fakeEngine(programs));
      expect(result.log.byteLength).to.equal(0);
      const { outcome, attachments } = await toRecordable(result, memoryBlobs());
      expect(outcome.kind).to.equal(kind);
      expect(attachments).to.have.length(1);
    }
  });

  it('takes the end of any contestant by its own fault as that, in words of ours', async () => {
    const failures: readonly (readonly [object, number, string])[] = [
      [{ verdict: 'failed', reason: 'contract', contestant: 'witness' }, 0, 'contract'],
      [{ verdict: 'failed', reason: 'timeout', contestant: 'witness' }, 0, 'timeout'],
      [{ verdict: 'lost', reason: 'frame', contestant: 'witness' }, 77, 'exception'],
      [{ verdict: 'lost', reason: 'frame', contestant: 'witness' }, 0, 'contract'],
      [{ verdict: 'disagree', reason: null, contestant: null }, 0, 'causality'],
    ];
    for (const [changes, exitCode, verdict] of failures) {
      const result = await run(fakeEngine({ ...honest, 'contestant-1': failing(exitCode, changes) }));
      expect(verdictOf(result)).to.equal(verdict);
      expect(result.verdict).to.have.property('where', null);
      expect(result.verdict)
        .to.have.property('message')
        .that.does.not.match(/77|val split/);
      expect([result.heldOut, result.keys]).to.deep.equal([null, null]);
    }
  });

  it('kills one that lingers after it has answered everything, and thinks no worse of it', async () => {
    const fake = fakeEngine({ ...honest, 'contestant-1': answering(1, false) });
    expect(verdictOf(await run(fake))).to.equal('completed');
    expect(fake.calls.filter((call) => call.startsWith('kill'))).to.deep.equal(['kill contestant-1']);
    expect(fake.calls.indexOf('kill contestant-1')).to.be.lessThan(fake.calls.indexOf('start contestant-2'));
  });

  it('kills the one whose turn it is at its time limit, and when it floods', async () => {
    const lost = resultOf({ ...unmeasured, verdict: 'lost', reason: 'frame', contestant: 'witness' });
    const silent: Program = (_, other) => other('referee')?.write('heldout.json', lost);
    const flooding: Program = (self, other) => {
      other('referee')?.write('heldout.json', lost);
      self.print('x'.repeat(2_000));
    };
    for (const [program, limit, verdict] of [
      [silent, 0.05, 'timeout'],
      [flooding, 3_600, 'output'],
    ] as const) {
      const fake = fakeEngine({ ...honest, 'contestant-1': program });
      fake.whenEnded('contestant-1', () => fake.find('referee')?.exit(0));
      expect(verdictOf(await run(fake, planOf({ timeoutSeconds: limit })))).to.equal(verdict);
      expect(fake.calls.filter((call) => call.startsWith('kill'))).to.deep.equal(['kill contestant-1']);
    }
  });

  it('holds each contestant to its frames, and one that others kept from running is our fault', async () => {
    const lost = resultOf({ ...unmeasured, verdict: 'lost', reason: 'frame', contestant: 'witness' });
    const asked: Program = (_, other) => {
      other('referee')?.write('heldout.json', lost);
      other('referee')?.print('{"event":"frameStart","id":1}\n');
    };
    let looks = 0;
    const busy = async () => {
      looks += 1;
      return { atMs: looks * 6_000, usedMs: looks * 6_000, threads: new Map() };
    };
    const waiting = async () => {
      looks += 1;
      return { atMs: looks, usedMs: 0, threads: new Map([['1', { ranMs: 0, waitedMs: looks }]]) };
    };
    for (const [cpuTimes, timeoutSeconds, verdict] of [
      [busy, 3_600, 'timeout'],
      [waiting, 0.1, 'hostOverloaded'],
    ] as const) {
      const fake = fakeEngine({ ...honest, 'contestant-1': asked });
      fake.whenEnded('contestant-1', () => fake.find('referee')?.exit(0));
      expect(verdictOf(await run(fake, planOf({ cpuTimes, timeoutSeconds })))).to.equal(verdict);
      expect(fake.calls.filter((call) => call.startsWith('kill'))).to.deep.equal(['kill contestant-1']);
    }
  });

  it('takes as ours a referee that dies, hangs, says it met a fault, or isn’t started', async () => {
    const dying: Program = (_, other) => other('referee')?.exit(1);
    const fault = failing(0, { verdict: 'fault', reason: 'LockedFileError', contestant: null });
    const hanging: Program = (self) => self.exit(0);
    const reasons: string[] = [];
    for (const program of [dying, fault, hanging]) {
      reasons.push(verdictOf(await run(fakeEngine({ ...honest, 'contestant-1': program }))));
    }
    reasons.push(verdictOf(await run(fakeEngine({ ...honest, referee: (self) => self.exit(2) }))));
    expect(reasons).to.deep.equal(['refereeLost', 'refereeFault', 'contestantNeverConnected', 'refereeFailed']);
    const again = await run(fakeEngine({ ...honest, 'contestant-1': dying }), {
      ...planOf(),
      previousRefereeDeaths: 1,
    });
    expect(verdictOf(again)).to.equal('contract');
  });

  it('ends with its lease, as ours', async () => {
    const fake = fakeEngine({ ...honest, 'contestant-1': () => {} });
    const plan = planOf({ deadlineAt: new Date(Date.now() + 50) });
    expect(verdictOf(await run(fake, plan))).to.equal('leaseEnded');
    expect(fake.calls).to.include('kill referee').and.include('kill contestant-1');
  });

  it('starts over after a crash, with fresh contestants', async () => {
    const fake = fakeEngine({ ...honest, 'contestant-1': () => fake.break() });
    expect(await run(fake).catch((error: Error) => error.name)).to.equal('EngineUnavailableError');
    fake.repair();
    const first = fake.find('referee');
    fake.programs['contestant-1'] = answering(1);
    expect(verdictOf(await run(fake))).to.equal('completed');
    expect(fake.find('referee')).not.to.equal(first);
    expect(fake.calls.filter((call) => call === 'start contestant')).to.have.length(2);
  });

  it('throws what went wrong with the stored state', async () => {
    const plan = planOf();
    const lost = { ...plan, state: { ...plan.state, open: () => Promise.reject(new Error('no such blob')) } };
    expect(await run(fakeEngine(honest), lost).catch((error: Error) => error.message)).to.equal('no such blob');
  });

  it('leaves nothing behind once it is cleared', async () => {
    const fake = fakeEngine(honest);
    await run(fake);
    expect(fake.leftovers()).to.have.length(4 + 4);
    await clearPair(fake.engine, scope, null);
    expect(fake.leftovers()).to.deep.equal([]);
  });
});
