import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { tarOf } from '../../executor/attempt-archive.ts';
import { attemptNames, instanceLabel } from '../../executor/attempt-names.ts';
import { launchCommands } from '../../executor/container-options.ts';
import { assertRunnerImage, UnfitEngineError } from '../../executor/engine-facts.ts';
import { activeLease } from '../../executor/leased-attempt.ts';
import { type Executor, type ExecutorOptions, startExecutor } from '../../executor/start-executor.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import * as programs from './container-programs.ts';
import { bundleFiles, device, executorName, leasedSubmissions } from './leased-submission.ts';
import { digestOf } from './run-examples.ts';
import { describeWithEngine, type RealEngine } from './with-engine.ts';

const silent = { info() {}, warn() {}, error() {} };
const mebibyte = 2 ** 20;

function worldOn(real: RealEngine, draft: PolicyDraft = {}, changes: Partial<ExecutorOptions> = {}) {
  const world = leasedSubmissions(draft);
  const { log, submissions, slots, policy } = world;
  const { docker, instance, imageId, runnerDigest } = real;
  const digests = {
    runnerDigest,
    dataDigest: digestOf('data'),
    valDigest: digestOf('val'),
    tokenizersDigest: digestOf('tokenizers'),
  };
  const options: ExecutorOptions = {
    ...{
      docker,
      log,
      submissions,
      slots,
      blobs: memoryBlobs(),
      readBundle: async () => bundleFiles,
      policyOf: () => policy,
    },
    ...{
      instance,
      executorName,
      seasonSecret: Buffer.from('secret'),
      cutSecret: Buffer.from('cuts'),
      now: () => new Date(),
      logger: silent,
    },
    onProgress: () => {},
    runner: { imageId, dataDir: '/etc', valDir: '/etc', tokenizersDir: '/etc', ...digests },
    lookBytes: 0,
    slotPlans: [{ device, deviceClass: 'cpu', cpuset: '0', memoryBytes: 1_024 * mebibyte }],
    commands: { ...launchCommands, referee: programs.referee, contestant: programs.patient },
    ...changes,
  };
  return { ...world, live: () => startExecutor(options) };
}

const attempts = (events: readonly { readonly type: string }[]) =>
  events.map(({ type }) => type).filter((type) => type.startsWith('Attempt'));

/** The names of the attempt that the slot's lease is about, once both of its containers are up and connected. */
async function untilRunning(world: ReturnType<typeof worldOn>, { engine, instance }: RealEngine) {
  await world.until(world.stream('s1'), 'AttemptStarted');
  const leased = await activeLease(world.log, world.slot);
  if (leased === null) throw new Error('no lease');
  const { submissionId, run, attempt, fencingToken } = leased.lease;
  const names = attemptNames({ instance, slot: world.slot, key: { submissionId, run, attempt, fencingToken } });
  const isUp = async () => (await engine.inspect(names.contestant))?.status === 'running';
  while (!(await isUp()) || (await engine.pathExists(names.referee, '/channel/referee.sock')))
    await new Promise(setImmediate);
  return names;
}

const finish = async ({ engine }: RealEngine, referee: string) =>
  engine.putArchive(referee, '/attempt', await tarOf([{ name: 'go', content: Buffer.from('x') }]));

describeWithEngine('an executor on a real engine', (real) => {
  const lives: Executor[] = [];
  const live = async (world: ReturnType<typeof worldOn>) => {
    const executor = await world.live();
    lives.push(executor);
    return executor;
  };
  afterEach(async () => {
    for (const executor of lives.splice(0)) await executor.close();
  });

  it('adopts what a killed one left running: one attempt, one outcome, nothing left', async () => {
    const world = worldOn(real());
    await world.submit('s1');
    const first = await live(world);
    await world.grant('s1');
    const names = await untilRunning(world, real());
    const before = await real().engine.inspect(names.contestant);
    await first.close({ killRunning: false });
    await live(world);
    await finish(real(), names.referee);
    const events = await world.until(world.stream('s1'), 'SubmissionFailed');
    expect(attempts(events)).to.deep.equal(['AttemptStarted', 'AttemptFailed']);
    expect(before?.startedAt).to.be.instanceOf(Date);
    await world.until(world.slot, 'LeaseReleased');
    expect(await real().engine.listContainers(`${instanceLabel}=${real().instance}`)).to.deep.equal([]);
    expect(await real().engine.listVolumes(`${instanceLabel}=${real().instance}`)).to.deep.equal([]);
  });

  it('leaves nothing running when it stops, and runs the attempt again in its next life', async () => {
    const world = worldOn(real());
    await world.submit('s1');
    const first = await live(world);
    await world.grant('s1');
    await untilRunning(world, real());
    await first.close();
    expect(await real().engine.listContainers(`${instanceLabel}=${real().instance}`)).to.deep.equal([]);
    await live(world);
    const names = await untilRunning(world, real());
    await finish(real(), names.referee);
    expect(attempts(await world.until(world.stream('s1'), 'SubmissionFailed'))).to.deep.equal([
      'AttemptStarted',
      'AttemptFailed',
    ]);
    // A stop right after the verdict still clears up: the suite's end looks for leftovers.
  });

  it('removes orphans of its own instance at the start, and nothing else', async () => {
    const { engine, instance, imageId } = real();
    const make = (name: string, owner: string) =>
      engine.ensureContainer({ name, Image: imageId, Labels: { [instanceLabel]: owner, 'prism.attemptId': 'gone' } });
    await make(`prism-${instance}-orphan`, instance);
    await make(`prism-${instance}-foreign`, `${instance}-other`);
    try {
      await live(worldOn(real()));
      expect(await engine.inspect(`prism-${instance}-orphan`)).to.equal(null);
      expect(await engine.inspect(`prism-${instance}-foreign`)).to.include({ status: 'created' });
    } finally {
      await engine.removeContainer(`prism-${instance}-foreign`);
    }
  });

  it('refuses an image whose label is not the digest that was asked for', async () => {
    const { docker, imageId } = real();
    expect(await assertRunnerImage(docker, imageId, digestOf('other')).catch((error: Error) => error)).to.be.instanceOf(
      UnfitEngineError,
    );
  });

  it('measures an honest bundle with the real runner, twice the same', async function () {
    const locked = await lockedFiles();
    if (locked === null) {
      console.warn('      skipped: no corpus or tables; node scripts/setup.mjs --runtime');
      return this.skip();
    }
    const { imageId, runnerDigest } = real();
    const runner = { imageId, runnerDigest, ...locked };
    const draft: PolicyDraft = {
      streamBytes: 20_000,
      limits: { memoryBytes: 1_024 * mebibyte, artifactsBytes: 64 * mebibyte },
    };
    const records: unknown[] = [];
    for (const submissionId of ['first', 'second']) {
      const world = worldOn(real(), draft, { runner, commands: launchCommands, readBundle: async () => honestBundle });
      await world.submit(submissionId, honestBundle);
      const executor = await live(world);
      await world.grant(submissionId);
      await world.until(world.slot, 'LeaseReleased');
      await executor.close();
      const events = await world.log.readStream(world.stream(submissionId));
      const completed = events.find(({ envelope }) => envelope.type === 'AttemptCompleted');
      if (completed === undefined) expect.fail(JSON.stringify(events.at(-1)?.envelope.data));
      expect(completed.envelope.data).to.have.nested.property('measurement.streamBytes', 20_000);
      records.push(completed.envelope.data.record);
    }
    expect(records[0]).to.deep.equal(records[1]);
  });
});

/** A bigram model: logits from the current token alone. */
const honestBundle = [
  {
    path: 'architecture.py',
    bytes: Buffer.from(
      'import torch\n\nclass Bigram(torch.nn.Module):\n    def __init__(self, vocab):\n        super().__init__()\n' +
        '        self.table = torch.nn.Embedding(vocab, vocab)\n\n    def forward(self, tokens):\n        return self.table(tokens)\n\n' +
        'def build_model(ctx):\n    return Bigram(ctx.vocab_size)\n',
    ),
  },
  {
    path: 'training.py',
    bytes: Buffer.from(
      'import torch\n\ndef train(ctx):\n    model = ctx.build_model()\n    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n' +
        '    for batch in ctx.iter_train_batches(model, batch_size=2, seq_len=64):\n        logits = model(batch.tokens)\n' +
        '        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten())\n' +
        '        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n',
    ),
  },
];

/**
 * The demo's train and val splits and the tokenizer tables, with the digests of their manifests; null where they aren't
 * prepared.
 */
async function lockedFiles() {
  const cache = resolve('.cache');
  const corpus = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('corpus-')).at(-1);
  if (corpus === undefined) return null;
  const [dataDir, valDir] = [join(cache, corpus, 'train'), join(cache, corpus, 'val')];
  const tokenizersDir = join(cache, 'tokenizers');
  const digest = async (folder: string) => sha256Hex(await readFile(join(folder, 'MANIFEST.json')));
  try {
    const digests = { dataDigest: await digest(dataDir), valDigest: await digest(valDir) };
    return { dataDir, valDir, tokenizersDir, ...digests, tokenizersDigest: await digest(tokenizersDir) };
  } catch {
    return null;
  }
}
