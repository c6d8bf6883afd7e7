import { expect } from 'chai';
import { toEngineError } from '../../executor/engine-errors.ts';
import { UnfitEngineError } from '../../executor/engine-facts.ts';
import { lookAtGpus } from '../../executor/gpu-look.ts';
import type { SlotPlan } from '../../executor/slot-plan.ts';
import { fakeEngine, type Program } from './fake-engine.ts';

const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
const slot = (device: string): SlotPlan => ({
  ...{ device, deviceClass: device.startsWith('gpu') ? 'gpu' : 'cpu' },
  ...{ cpuset: '0', memoryBytes: 2 ** 30 },
});
const look = { imageId: 'sha256:image', instance: 'test', runtime: null };

/** An engine whose `device` containers say this and end. */
const saying = (line: string, exitCode: number): Program => {
  return (self) => {
    self.print(line);
    self.exit(exitCode);
  };
};

async function refusalOf(looked: Promise<unknown>): Promise<string> {
  const error = await looked.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(UnfitEngineError);
  return error instanceof Error ? error.message : '';
}

describe('a look at the GPUs', () => {
  it('says what each of them is, asks nothing of a CPU, and leaves nothing behind', async () => {
    const { engine, calls, leftovers } = fakeEngine({ device: saying(`${JSON.stringify({ gpu })}\n`, 0) });
    const found = await lookAtGpus(engine, [slot('cpu0'), slot('gpu0'), slot('gpu1')], look);
    expect([...found]).to.deep.equal([
      ['gpu0', gpu],
      ['gpu1', gpu],
    ]);
    expect(calls.filter((call) => call === 'create device')).to.have.length(2);
    expect(leftovers()).to.deep.equal([]);
  });

  it('asks the engine nothing where there is none', async () => {
    const { engine, calls } = fakeEngine({});
    expect((await lookAtGpus(engine, [slot('cpu0')], look)).size).to.equal(0);
    expect(calls).to.deep.equal([]);
  });

  it('names the slot and the reason where the image or the host lacks something', async () => {
    const missing = 'torch is built without CUDA in this image';
    const { engine, leftovers } = fakeEngine({ device: saying(`${JSON.stringify({ missing })}\n`, 1) });
    expect(await refusalOf(lookAtGpus(engine, [slot('gpu0')], look))).to.match(/^Slot gpu0 .*without CUDA/);
    expect(leftovers()).to.deep.equal([]);
  });

  it('shows the last words of a container that dies', async () => {
    const { engine } = fakeEngine({ device: saying('Killed by something\n', 137) });
    expect(await refusalOf(lookAtGpus(engine, [slot('gpu0')], look))).to.include('Killed by something');
  });

  it('passes on what an engine without GPUs says, and what to do', async () => {
    const { engine, leftovers } = fakeEngine({});
    const words = '(HTTP code 500) server error - could not select device driver "nvidia" with capabilities: [[gpu]]';
    const start = async () => {
      throw toEngineError('start it', Object.assign(new Error(words), { statusCode: 500 }));
    };
    const message = await refusalOf(lookAtGpus({ ...engine, start }, [slot('gpu0')], look));
    expect(message).to.include('could not select device driver').and.include('container toolkit');
    expect(message).to.include('PRISM_SLOTS');
    expect(leftovers()).to.deep.equal([]);
  });

  it('gives up a device that hangs', async () => {
    const { engine, leftovers } = fakeEngine({ device: () => {} });
    expect(await refusalOf(lookAtGpus(engine, [slot('gpu0')], { ...look, limitMs: 1 }))).to.include('nothing');
    expect(leftovers()).to.deep.equal([]);
  });

  it('lets an engine that is away be what it is', async () => {
    const fake = fakeEngine({});
    fake.break();
    const error = await lookAtGpus(fake.engine, [slot('gpu0')], look).catch((thrown: Error) => thrown);
    expect(error).to.have.property('name', 'EngineUnavailableError');
  });
});
