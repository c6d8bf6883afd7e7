import { expect } from 'chai';
import { type InstantiationRequest, InstantiationUnavailableError } from '../../domain/ports/instantiator.ts';
import { EngineUnavailableError } from '../../executor/engine-errors.ts';
import { type InstantiationTimings, instantiator } from '../../executor/instantiation-container.ts';
import type { KernelMemory } from '../../executor/kernel-memory.ts';
import { reconcile } from '../../executor/reconcile.ts';
import { fakeEngine, type Program } from './fake-engine.ts';
import { policy, report, reportLine, request } from './instantiation-examples.ts';

const silent = { info() {}, warn() {}, error() {} };
const patient: InstantiationTimings = { readyMs: 60_000, endMs: () => 60_000, settleMs: 1_000 };
const hasty: InstantiationTimings = { readyMs: 60_000, endMs: () => 1, settleMs: 1_000 };
const ready = '{"event":"ready"}\n';

/** What a container does once it has been asked; the tries count from 1. */
function world(programs: (attempt: number) => Program, timings = patient, kernel: KernelMemory | null = null) {
  let tries = 0;
  const fake = fakeEngine({
    instantiation: (self, other) => {
      tries += 1;
      const program = programs(tries);
      self.onInput(() => program(self, other));
    },
  });
  const stopping = new AbortController();
  const ask = instantiator({
    ...{ engine: fake.engine, imageId: 'sha256:image', instance: 'test', seasonSecret: new Uint8Array(32) },
    ...{ tokenizersDir: '/none', logger: silent, timings, kernelMemory: async () => kernel },
  });
  const instantiate = (asked: InstantiationRequest) => ask(asked, policy, stopping.signal);
  return { fake, stopping, tries: () => tries, instantiate, look: () => instantiate(request) };
}

const reporting: Program = (self) => {
  self.print(`${ready}${reportLine()}\n`);
  self.exit(0);
};
const dying: Program = (self) => {
  self.print(ready);
  self.exit(137);
};
const failing: Program = (self) => self.exit(1);
const idle: Program = (self) => self.print(ready);

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

describe('A look at a model in a container', () => {
  it('asks once, hears the report, and leaves nothing behind', async () => {
    let asked = '';
    const { fake, look } = world(() => (self, other) => {
      asked = self.input();
      reporting(self, other);
    });
    expect(await look()).to.deep.equal({ kind: 'reported', report });
    expect(fake.leftovers()).to.deep.equal([]);
    const { ctx, limits, bundle, architecture } = JSON.parse(asked);
    expect(Buffer.from(bundle, 'base64').equals(request.bundle)).to.equal(true);
    expect(architecture).to.deep.equal({ entrypoint: 'architecture.py', symbol: 'build_model' });
    expect(ctx).to.include({ tokenizer: 'bytes', device: 'cpu', maxParameters: 150_000_000, tokenBudget: 1e8 });
    expect(limits).to.deep.equal({ cpuSeconds: 2, memoryBytes: 2 ** 30 });
  });

  it('says how a bundle’s own tokenizer is declared', async () => {
    const contract = { ...request.contract, tokenizer: { bpe: { path: 'tokens.json' } } };
    let asked = '';
    const { instantiate } = world(() => (self, other) => {
      asked = self.input();
      reporting(self, other);
    });
    await instantiate({ ...request, contract });
    const { ctx, vocab } = JSON.parse(asked);
    expect(ctx).to.deep.include({ tokenizer: { bpe: { path: 'tokens.json' } }, tokenBudget: 1e8 });
    expect(vocab).to.equal(null);
  });

  it('takes the first line after ready for the report, and nothing before it', async () => {
    const { look } = world(() => (self) => {
      self.print(`${reportLine({ parameters: 1 })}\n${ready}${reportLine()}\n${reportLine({ parameters: 2 })}\n`);
      self.exit(0);
    });
    expect(await look()).to.deep.equal({ kind: 'reported', report });
  });

  it('looks once more where it ended without a word, and takes that', async () => {
    const { look, tries } = world((attempt) => (attempt === 1 ? dying : reporting));
    expect((await look()).kind).to.equal('reported');
    expect(tries()).to.equal(2);
  });

  it('believes the second end without a word', async () => {
    const { fake, look, tries } = world(() => dying);
    expect((await look()).kind).to.equal('died');
    expect(tries()).to.equal(2);
    expect(fake.leftovers()).to.deep.equal([]);
  });

  it('believes no kill that the host sent for want of memory: it is our fault', async () => {
    let [kills, asked] = [7, ''];
    const kernel: KernelMemory = {
      oomKills: async () => kills,
      async peakBytes(cgroup) {
        asked = cgroup;
        return 300 * 2 ** 20;
      },
    };
    const killing: Program = (self, other) => {
      kills += 1;
      dying(self, other);
    };
    const { fake, look, tries } = world(() => killing, patient, kernel);
    expect(await thrownBy(look())).to.be.instanceOf(InstantiationUnavailableError);
    expect(tries()).to.equal(1);
    expect(asked).to.match(/^\/prism\/[0-9a-f-]+$/);
    expect(fake.leftovers()).to.deep.equal([]);
  });

  it('ends what runs on when its time is over', async () => {
    const { fake, look } = world(() => idle, hasty);
    expect((await look()).kind).to.equal('timeUp');
    expect(fake.calls).to.include('kill instantiation');
    expect(fake.leftovers()).to.deep.equal([]);
  });

  it('ends what prints without end', async () => {
    const { look } = world(() => (self) => self.print(`${ready}${'x'.repeat(policy.limits.outputBytes)}`));
    expect((await look()).kind).to.equal('flooded');
  });

  it('is our fault where the program fails before it is ready', async () => {
    const { fake, look } = world(() => failing);
    expect(await thrownBy(look())).to.be.instanceOf(InstantiationUnavailableError);
    expect(fake.leftovers()).to.deep.equal([]);
  });

  it('is our fault while the engine can’t be reached', async () => {
    const { fake, look } = world(() => idle);
    const thrown = thrownBy(look());
    fake.break();
    expect(await thrown).to.be.instanceOf(EngineUnavailableError);
  });

  it('ends without a verdict when the service stops, and leaves nothing behind', async () => {
    const { fake, look, stopping } = world(() => (self) => {
      idle(self, () => undefined);
      stopping.abort(new Error('stopping'));
    });
    expect(String(await thrownBy(look()))).to.equal('Error: stopping');
    expect(fake.leftovers()).to.deep.equal([]);
  });

  it('that a crash of ours cut off is an orphan, and is removed', async () => {
    const { fake, look } = world(() => (self) => {
      idle(self, () => undefined);
      fake.break();
    });
    await thrownBy(look());
    expect(fake.leftovers()).to.have.length(1);
    fake.repair();
    expect(await reconcile(fake.engine, 'test', new Set())).to.have.length(1);
    expect(fake.leftovers()).to.deep.equal([]);
  });
});
