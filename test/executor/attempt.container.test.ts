import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { type AttemptPlan, type AttemptResult, runAttempt } from '../../executor/attempt.ts';
import { tarOf } from '../../executor/attempt-archive.ts';
import { type AttemptNames, attemptNames } from '../../executor/attempt-names.ts';
import { attemptCgroup } from '../../executor/cgroup-watch.ts';
import type { ContainerEngine } from '../../executor/container-engine.ts';
import { clearPair, openPair } from '../../executor/container-pair.ts';
import { readCpuTimes } from '../../executor/cpu-times.ts';
import { engineFacts } from '../../executor/engine-facts.ts';
import type { FrameLimits } from '../../executor/frame-watch.ts';
import { outputTap } from '../../executor/output-tap.ts';
import { timings } from '../../executor/watching.ts';
import * as programs from './container-programs.ts';
import { examining, spec } from './run-examples.ts';
import { describeWithEngine, type RealEngine } from './with-engine.ts';

let attempts = 0;

/** A plan for an attempt of its own, with programs in the runner's place. */
async function planWith(
  real: RealEngine,
  contestant: readonly string[],
  referee: readonly string[] = programs.referee,
): Promise<AttemptPlan> {
  attempts += 1;
  const key = { submissionId: spec.submissionId, run: spec.run, attempt: attempts, fencingToken: attempts };
  const scope = { instance: real.instance, slot: 'slot-test-cpu0', key };
  const { hasLocalCgroups } = await engineFacts(real.docker, null);
  const cgroupParent = hasLocalCgroups ? attemptCgroup(attemptNames(scope).id) : null;
  return {
    pair: {
      ...{
        scope,
        imageId: real.imageId,
        commands: { referee, contestant, heldOutReferee: [] },
        deadlineAt: '2030-01-01T00:00:00.000Z',
        cpuset: '0',
        threads: 1,
      },
      ...{ memoryBytes: 128 * 2 ** 20, pids: 48, artifactsBytes: 32 * 2 ** 20, device: 'cpu0', deviceClass: 'cpu' },
      ...{ heldOutSeats: null, dataDir: '/etc', tokenizersDir: '/etc', runtime: null, cgroupParent },
    },
    spec: { ...spec, ...key },
    bundle: Buffer.from('bundle'),
    ...{ kind: 'training', keeper: null },
    examining,
    supervision: {
      cgroupParent,
      outputBytes: 2 ** 20,
      timeoutSeconds: 120,
      frames: { cpuSeconds: 60, wallSeconds: 60 },
      cpuTimes: async (id) => (cgroupParent === null ? null : readCpuTimes(`${cgroupParent}/${id}`)),
      deadlineAt: new Date(Date.now() + 150_000),
      timings,
      now: () => new Date(),
      onProgress: () => {},
      onImageHeld: () => {},
    },
    previousRefereeDeaths: 0,
    hasPolicyMemory: true,
    engineInterrupted: false,
  };
}

async function run(real: RealEngine, plan: AttemptPlan): Promise<AttemptResult> {
  try {
    return await runAttempt(real.engine, plan, new AbortController().signal);
  } finally {
    await clearPair(real.engine, plan.pair.scope, plan.pair.cgroupParent);
  }
}

/** The stand-in removes its socket when somebody has connected. */
async function untilConnected(engine: ContainerEngine, { referee, contestant }: AttemptNames): Promise<void> {
  const isUp = async () => (await engine.inspect(contestant))?.status === 'running';
  while (!(await isUp()) || (await engine.pathExists(referee, '/channel/referee.sock')))
    await new Promise(setImmediate);
}

function briefly({ verdict }: AttemptResult): string {
  if (verdict.kind === 'completed') return verdict.kind;
  return `${verdict.kind} ${verdict.kind === 'infrastructureFault' ? `${verdict.reason}: ${verdict.message}` : verdict.verdict}`;
}

describeWithEngine('a contestant container, from inside', (real) => {
  let seen: Record<string, unknown> = {};

  before('ask a program in it', async () => {
    const { engine } = real();
    const plan = await planWith(real(), programs.probing);
    const { names } = await openPair(engine, plan.pair, plan, new AbortController().signal);
    let line = '';
    const tap = outputTap({
      tailBytes: 4_096,
      limitBytes: 2 ** 20,
      onLimit: () => {},
      onLine: (text) => {
        line = text;
      },
    });
    try {
      const attachment = await engine.attach(names.contestant, tap.stdout, tap.stderr);
      await engine.start(names.contestant);
      await attachment.closed;
      if (line === '') throw new Error(tap.tail().toString());
      seen = JSON.parse(line);
    } finally {
      await clearPair(engine, plan.pair.scope, plan.pair.cgroupParent);
    }
  });

  it('has its own user and no capability, and can gain none', () => {
    expect(seen).to.include({ uid: 10_002, gid: 10_002, noNewPrivileges: '1' });
    expect(new Set(seen.capabilities as string[])).to.deep.equal(new Set(['0000000000000000']));
    expect(seen.mount).to.equal(-1);
  });

  it('runs under a system call filter, with an init of its own', () => {
    expect(seen).to.include({ seccomp: '2', init: 'docker-init' });
  });

  it('has no network but its own loopback', () => {
    expect(seen.interfaces).to.deep.equal(['lo']);
    expect(seen.connect).to.equal(101); // ENETUNREACH
  });

  it('can write nowhere but in its scratch folders', () => {
    const refusals = Object.values(seen.writes as Record<string, number | null>);
    for (const errno of refusals) expect(errno).to.be.oneOf([13, 30]); // EACCES, EROFS
    expect(seen.scratch).to.deep.equal({ '/work': null, '/artifacts': null, '/tmp': null });
  });

  it('has scratch folders of a fixed size that execute nothing', () => {
    const mebibyte = 2 ** 20;
    expect(seen.sizes).to.deep.equal({
      '/work': 16 * mebibyte,
      '/artifacts': 32 * mebibyte,
      '/tmp': 64 * mebibyte,
      '/dev/shm': 64 * mebibyte,
    });
    expect(seen.execute).to.equal(13); // EACCES
  });

  it('is held to its processes, memory, core and core files', () => {
    expect(seen).to.include({ pids: '48', memory: String(128 * 2 ** 20), core: 0 });
    expect(seen.cpus).to.deep.equal([0]);
  });

  it("sees neither data nor the referee's volume", () => {
    expect(seen).to.deep.include({ data: [], attempt: false });
  });
});

describeWithEngine('an attempt in real containers', (real) => {
  const verdicts: readonly (readonly [string, readonly string[], string])[] = [
    ['floods its output: output', programs.flooding, 'limitExceeded output'],
    ['eats memory: memory', programs.gluttonous, 'limitExceeded memory'],
    ['forks without end: pids', programs.forking, 'limitExceeded pids'],
    ['kills itself with signal 9: exception', programs.suicidal, 'submissionFault exception'],
    ['leaves without a word: contract', programs.quitting, 'submissionFault contract'],
  ];
  for (const [sentence, program, expected] of verdicts) {
    it(`whose contestant ${sentence}`, async () => {
      expect(briefly(await run(real(), await planWith(real(), program)))).to.equal(expected);
    });
  }

  it('that runs into the outer time limit: timeout', async () => {
    const plan = await planWith(real(), programs.patient);
    expect(briefly(await run(real(), { ...plan, supervision: { ...plan.supervision, timeoutSeconds: 0.5 } }))).to.equal(
      'limitExceeded timeout',
    );
  });

  describe('that is asked for a frame, on a host whose core is wanted by others', () => {
    const neighbours: ChildProcess[] = [];
    before(function () {
      if (!existsSync('/sys/fs/cgroup/cpuacct') && !existsSync('/sys/fs/cgroup/cgroup.controllers')) this.skip();
      // A session each: the kernel may share a core out by sessions.
      for (let count = 0; count < 6; count += 1)
        neighbours.push(spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { detached: true }));
    });
    after(() => {
      for (const neighbour of neighbours) neighbour.kill('SIGKILL');
    });

    async function asked(contestant: readonly string[], frames: FrameLimits): Promise<string> {
      const plan = await planWith(real(), contestant, programs.askingReferee);
      const hurried = { ...timings, frameLookMs: 200 };
      return briefly(await run(real(), { ...plan, supervision: { ...plan.supervision, frames, timings: hurried } }));
    }

    it('and computes beyond its CPU time: timeout', async () => {
      expect(await asked(programs.busy, { cpuSeconds: 0.3, wallSeconds: 60 })).to.equal('limitExceeded timeout');
    });

    it('and sleeps past the limit of the clock: timeout', async () => {
      expect(await asked(programs.patient, { cpuSeconds: 60, wallSeconds: 3 })).to.equal('limitExceeded timeout');
    });

    it('and is kept from running past the limit of the clock: ours', async () => {
      const verdict = await asked(programs.busy, { cpuSeconds: 60, wallSeconds: 3 });
      expect(verdict).to.include('infrastructureFault hostOverloaded');
    });
  });

  it('whose referee dies: ours once, theirs the second time', async () => {
    const first = await planWith(real(), programs.patient, programs.dyingReferee);
    expect(briefly(await run(real(), first))).to.include('infrastructureFault refereeLost');
    const second = { ...(await planWith(real(), programs.patient, programs.dyingReferee)), previousRefereeDeaths: 1 };
    expect(briefly(await run(real(), second))).to.equal('submissionFault contract');
  });

  it('whose contestant is removed by somebody else: ours', async () => {
    const plan = await planWith(real(), programs.patient);
    const names = attemptNames(plan.pair.scope);
    const running = run(real(), plan);
    await untilConnected(real().engine, names);
    await real().engine.removeContainer(names.contestant);
    expect(briefly(await running)).to.include('infrastructureFault containerVanished');
  });

  it('that a killed executor has left running is adopted, with its result', async () => {
    const plan = await planWith(real(), programs.patient);
    const { engine } = real();
    const names = attemptNames(plan.pair.scope);
    const dying = new AbortController();
    const first = runAttempt(engine, plan, dying.signal).catch((error: Error) => error);
    await untilConnected(engine, names);
    const { startedAt } = (await engine.inspect(names.contestant)) ?? {};
    dying.abort(new Error('killed'));
    expect(await first).to.be.instanceOf(Error);
    const second = run(real(), plan);
    await engine.putArchive(names.referee, '/attempt', await tarOf([{ name: 'go', content: Buffer.from('x') }]));
    const adopted = engine.inspect(names.contestant);
    expect((await adopted)?.startedAt).to.deep.equal(startedAt);
    expect(briefly(await second)).to.equal('submissionFault contract');
  });
});
