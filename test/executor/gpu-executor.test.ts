import { expect } from 'chai';
import { UnfitEngineError } from '../../executor/engine-facts.ts';
import { startExecutor } from '../../executor/start-executor.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { gpuEngine, image, noDriver } from './gpu-engine.ts';
import { bundleFiles, leasedSubmissions } from './leased-submission.ts';
import { digestOf } from './run-examples.ts';

const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
const digest = digestOf('anything');

type Engine = Awaited<ReturnType<typeof gpuEngine>>;

describe('an executor with a GPU slot', () => {
  let engine: Engine;
  afterEach(() => engine.close());

  function start({ docker }: Engine) {
    const world = leasedSubmissions({});
    const { log, submissions, slots, policy } = world;
    const said: unknown[] = [];
    const started = startExecutor({
      ...{ docker, log, submissions, slots, blobs: memoryBlobs() },
      ...{ readBundle: async () => bundleFiles, policyOf: () => policy, onProgress: () => {} },
      ...{ instance: 'test', executorName: 'host', now: () => new Date(0) },
      ...{ seasonSecret: Buffer.from('secret'), cutSecret: Buffer.from('cuts') },
      logger: { info: (fields: unknown) => void said.push(fields), warn() {}, error() {} },
      runner: {
        ...{ ...image, dataDir: '/data', valDir: '/val', tokenizersDir: '/tables' },
        ...{ dataDigest: digest, valDigest: digest, tokenizersDigest: digest },
      },
      lookBytes: 0,
      slotPlans: [{ device: 'gpu1', deviceClass: 'gpu', cpuset: '2-3', memoryBytes: 2 ** 33 }],
    });
    return { log, said, started };
  }

  it('asks the engine for that device, confined as a contestant, before anything is registered', async () => {
    engine = await gpuEngine(null);
    const { log, started } = start(engine);
    const error = await started.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(UnfitEngineError);
    expect(error).to.have.property('message').that.includes(noDriver).and.includes('gpu1');
    expect(await log.readStream('slot-host-gpu1')).to.deep.equal([]);
    expect(engine.created).to.have.length(1);
    expect(engine.created[0]?.User).to.equal('10002:10002');
    expect(engine.created[0]?.HostConfig).to.deep.include({
      DeviceRequests: [{ Driver: 'nvidia', Count: 0, DeviceIDs: ['1'], Capabilities: [['gpu']], Options: {} }],
      ...{ NetworkMode: 'none', ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] },
      ...{ CpusetCpus: '2-3', Memory: 2 ** 33, MemorySwap: 2 ** 33, IpcMode: 'private' },
    });
    expect(engine.removed).to.have.length(2); // What an earlier life may have left, and its own.
  });

  it('says what the GPU is, and registers its slot under the device’s name', async () => {
    engine = await gpuEngine(`${JSON.stringify({ gpu })}\n`);
    const { log, said, started } = start(engine);
    await (await started).close();
    expect(said).to.deep.equal([{ device: 'gpu1', ...gpu }]);
    // What an earlier life left on the device is gone before it is looked at.
    const [left, looked] = ['GET /volumes', 'POST /containers/create'].map((what) => engine.asked.indexOf(what));
    expect(left).to.be.within(0, looked ?? -1);
    const [registered] = await log.readStream('slot-host-gpu1');
    expect(registered?.envelope).to.deep.include({ type: 'SlotRegistered' });
    expect(registered?.envelope.data).to.deep.include({ device: 'gpu1', deviceClass: 'gpu', executor: 'host' });
  });
});
