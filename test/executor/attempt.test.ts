import { expect } from 'chai';
import { type AttemptPlan, type AttemptResult, runAttempt } from '../../executor/attempt.ts';
import { attemptNames } from '../../executor/attempt-names.ts';
import { launchCommands } from '../../executor/container-options.ts';
import { clearPair } from '../../executor/container-pair.ts';
import { fakeEngine, type Program } from './fake-engine.ts';
import { bytesOf, examining, exampleFiles, exampleManifest, spec } from './run-examples.ts';

const scope = {
  instance: 'test',
  slot: 'slot-host-cpu0',
  key: { submissionId: spec.submissionId, run: spec.run, attempt: spec.attempt, fencingToken: spec.fencingToken },
};

function planOf(
  changes: Partial<AttemptPlan> = {},
  supervision: Partial<AttemptPlan['supervision']> = {},
): AttemptPlan {
  return {
    ...{ kind: 'training', keeper: null },
    pair: {
      ...{
        scope,
        imageId: 'image',
        commands: launchCommands,
        deadlineAt: '2030-01-01T00:00:00.000Z',
        cpuset: '0',
        threads: 1,
      },
      ...{ memoryBytes: 2 ** 28, pids: 64, artifactsBytes: 2 ** 20, device: 'cpu0', deviceClass: 'cpu' },
      ...{
        heldOutSeats: null,
        dataDir: '/srv/data',
        tokenizersDir: '/srv/tokenizers',
        runtime: null,
        cgroupParent: null,
      },
    },
    spec,
    bundle: Buffer.from('bundle'),
    examining,
    supervision: {
      ...{
        cgroupParent: null,
        outputBytes: 1_000,
        timeoutSeconds: 3_600,
        frames: { cpuSeconds: 10, wallSeconds: 40 },
        cpuTimes: async () => null,
        deadlineAt: new Date(Date.now() + 3_600_000),
      },
      ...{
        timings: { refereeSettleMs: 50, contestantSettleMs: 50, socketPollMs: 5, frameLookMs: 5 },
        now: () => new Date(),
      },
      onProgress: () => {},
      onImageHeld: () => {},
      ...supervision,
    },
    previousRefereeDeaths: 0,
    hasPolicyMemory: true,
    engineInterrupted: false,
    ...changes,
  };
}

const ready = `{"event":"ready"}\n`;
const { manifest, recordBytes, cutsBytes } = exampleFiles();
const lostManifest = { ...exampleManifest(), outcome: { kind: 'lost', phase: 'frame', message: 'closed' } };

/** A referee that writes its files and ends once its contestant has ended. */
const referee =
  (files: Readonly<Record<string, Uint8Array | string>>): Program =>
  (self) => {
    self.print(`noise\n${ready}{"event":"connected"}\n`);
    for (const [path, content] of Object.entries(files)) self.write(path, content);
  };
const completedFiles = {
  'record.json': recordBytes,
  'cuts.json': cutsBytes,
  'prism_run_manifest.v2.json': bytesOf(manifest),
};
const lostFiles = { 'prism_run_manifest.v2.json': bytesOf(lostManifest) };

/** An engine whose referee follows its contestant's end, as the real one does. */
function engineWith(programs: Readonly<Record<'referee' | 'contestant', Program>>, refereeExit: number | null = 0) {
  const fake = fakeEngine(programs);
  if (refereeExit !== null) fake.whenEnded('contestant', () => fake.find('referee')?.exit(refereeExit));
  return fake;
}

const run = (fake: ReturnType<typeof fakeEngine>, plan = planOf()) =>
  runAttempt(fake.engine, plan, new AbortController().signal);
const verdictOf = ({ verdict }: AttemptResult) =>
  verdict.kind === 'completed'
    ? 'completed'
    : verdict.kind === 'infrastructureFault'
      ? verdict.reason
      : verdict.verdict;

describe('runAttempt', () => {
  it('runs the pair, attaches before it starts, and reads the outputs of the stopped referee', async () => {
    const fake = engineWith({ referee: referee(completedFiles), contestant: (self) => self.exit(0) });
    const result = await run(fake);
    expect(verdictOf(result)).to.equal('completed');
    expect(result.record).to.deep.equal(recordBytes);
    expect(result.cuts).to.deep.equal(cutsBytes);
    expect(result.keys).to.deep.equal({ cuts: spec.decoys.cutKey, rows: null });
    const order = [
      'put referee',
      'attach referee',
      'start referee',
      'attach contestant',
      'start contestant',
      'read /attempt/out',
    ];
    expect(fake.calls.filter((call) => order.includes(call))).to.deep.equal(order);
  });

  it('is the same call after a crash at any point: containers are adopted, and the result is the same', async () => {
    const steps = [
      'ensureVolume',
      'create referee',
      'create contestant',
      'put referee',
      'start referee',
      'start contestant',
      'read /attempt/out',
    ];
    for (const step of steps) {
      const fake = engineWith({ referee: referee(completedFiles), contestant: (self) => self.exit(0) });
      await crashAfter(fake, step);
      expect(verdictOf(await run(fake)), step).to.equal('completed');
      expect(
        fake.calls.filter((call) => call === 'start contestant'),
        step,
      ).to.have.length(1);
    }
  });

  it('starts over where the referee has ended before its contestant was ever started', async () => {
    const fake = engineWith({ referee: referee(completedFiles), contestant: (self) => self.exit(0) });
    await crashAfter(fake, 'start referee');
    fake.find('referee')?.exit(0);
    expect(verdictOf(await run(fake))).to.equal('completed');
    expect(fake.calls.filter((call) => call === 'start referee')).to.have.length(2);
  });

  it('kills a contestant that floods, and keeps the last 4 KiB', async () => {
    const flood: Program = (self) => self.print(`${'x'.repeat(10_000)}end`);
    const fake = engineWith({ referee: referee(lostFiles), contestant: flood });
    const result = await run(fake);
    expect(verdictOf(result)).to.equal('output');
    expect(result.log.byteLength).to.equal(4_096);
    expect(Buffer.from(result.log).toString().endsWith('end')).to.equal(true);
    expect(fake.calls.indexOf('put referee', fake.calls.indexOf('start contestant'))).to.be.lessThan(
      fake.calls.indexOf('kill contestant'),
    );
  });

  it('kills at the outer time limit, which counts from the start of the contestant', async () => {
    const fake = engineWith({ referee: referee(lostFiles), contestant: () => {} });
    expect(verdictOf(await run(fake, planOf({}, { timeoutSeconds: 0.02 })))).to.equal('timeout');
  });

  it('kills a contestant that uses too much CPU time for a frame, and says so before', async () => {
    const asked: Program = (_, other) => other('referee')?.print('{"event":"frameStart","id":1}\n');
    let used = 0;
    const cpuTimes = async () => {
      used += 6_000;
      return { atMs: used, usedMs: used, threads: new Map() };
    };
    const fake = engineWith({ referee: referee(lostFiles), contestant: asked });
    const { verdict } = await run(fake, planOf({}, { cpuTimes }));
    expect(verdict).to.include({ kind: 'limitExceeded', verdict: 'timeout' });
    expect(fake.calls.indexOf('put referee', fake.calls.indexOf('start contestant'))).to.be.lessThan(
      fake.calls.indexOf('kill contestant'),
    );
  });

  it('takes an outer time limit that a starved contestant has run into as ours', async () => {
    let at = 0;
    const cpuTimes = async () => {
      at += 1_000;
      return { atMs: at, usedMs: 0, threads: new Map([['1', { ranMs: 0, waitedMs: at }]]) };
    };
    const fake = engineWith({ referee: referee(lostFiles), contestant: () => {} });
    expect(verdictOf(await run(fake, planOf({}, { cpuTimes, timeoutSeconds: 0.1 })))).to.equal('hostOverloaded');
  });

  it('takes the end of the lease as ours', async () => {
    const fake = engineWith({ referee: referee(lostFiles), contestant: () => {} });
    expect(verdictOf(await run(fake, planOf({}, { deadlineAt: new Date(Date.now() + 20) })))).to.equal('leaseEnded');
    expect(fake.calls).to.include('kill referee').and.include('kill contestant');
  });

  it('kills a referee that does not end after its contestant', async () => {
    const fake = engineWith({ referee: referee({}), contestant: (self) => self.exit(1) }, null);
    expect(verdictOf(await run(fake))).to.equal('refereeHung');
  });

  it('kills a contestant that outlives its referee, and believes the manifest', async () => {
    const quits: Program = (self) => {
      referee(completedFiles)(self, () => undefined);
    };
    const fake = engineWith({ referee: quits, contestant: (_, other) => other('referee')?.exit(0) }, null);
    expect(verdictOf(await run(fake))).to.equal('completed');
    expect(fake.calls).to.include('kill contestant');
  });

  it('does not start a contestant for a referee that failed', async () => {
    const fake = engineWith({ referee: (self) => self.exit(1), contestant: () => {} });
    expect(verdictOf(await run(fake))).to.equal('refereeFailed');
    expect(fake.calls).not.to.include('start contestant');
  });

  it('refuses a link in the outputs', async () => {
    const fake = engineWith({ referee: referee(completedFiles), contestant: (self) => self.exit(0) });
    const { pack } = await import('tar-stream');
    const tar = pack();
    tar.entry({ name: 'out/prism_run_manifest.v2.json', type: 'symlink', linkname: '/etc/passwd' });
    tar.finalize();
    fake.engine.readArchive = async () => (await import('node:stream')).Readable.from(tar);
    expect(verdictOf(await run(fake))).to.equal('manifestInvalid');
  });

  it('throws when the engine goes away, and adopts what it left once it is back', async () => {
    const fake = engineWith({ referee: referee(completedFiles), contestant: () => fake.break() });
    expect(await run(fake).catch((error: Error) => error.name)).to.equal('EngineUnavailableError');
    fake.repair();
    fake.find('contestant')?.exit(0);
    expect(verdictOf(await run(fake))).to.equal('completed');
  });

  it('ends with its signal, and kills nothing by itself', async () => {
    const aborted = new AbortController();
    const fake = engineWith({
      referee: referee(completedFiles),
      contestant: () => aborted.abort(new Error('stopping')),
    });
    const end = await runAttempt(fake.engine, planOf(), aborted.signal).catch((error: Error) => error.message);
    expect(end).to.equal('stopping');
    expect(fake.find('contestant')?.status()).to.equal('running');
  });

  it('leaves nothing behind once it is cleared, however often', async () => {
    const fake = engineWith({ referee: referee(completedFiles), contestant: (self) => self.exit(0) });
    await run(fake);
    expect(fake.leftovers()).to.include(attemptNames(scope).referee);
    await clearPair(fake.engine, scope, null);
    await clearPair(fake.engine, scope, null);
    expect(fake.leftovers()).to.deep.equal([]);
  });
});

/** An executor that dies right after the engine has done `step`: its call never returns, and nothing of it goes on. */
async function crashAfter(fake: ReturnType<typeof fakeEngine>, step: string): Promise<void> {
  const dying = new AbortController();
  const seen = new Promise<void>((resolve) => {
    const push = fake.calls.push.bind(fake.calls);
    fake.calls.push = (...items) => {
      const length = push(...items);
      if (items.includes(step)) {
        fake.calls.push = push;
        dying.abort(new Error('crashed'));
        resolve();
      }
      return length;
    };
  });
  await runAttempt(fake.engine, planOf(), dying.signal).catch(() => {});
  await seen;
}
