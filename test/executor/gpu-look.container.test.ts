import { expect } from 'chai';
import { UnfitEngineError } from '../../executor/engine-facts.ts';
import { lookAtGpus } from '../../executor/gpu-look.ts';
import type { SlotPlan } from '../../executor/slot-plan.ts';
import { describeWithEngine } from './with-engine.ts';

const slot: SlotPlan = { device: 'gpu0', deviceClass: 'gpu', cpuset: '0', memoryBytes: 2 ** 31 };

describeWithEngine('GPUs on a real engine', (real) => {
  it('are what the runner says they are; where the engine has none, the operator is told so', async function () {
    const { docker, engine, imageId, instance } = real();
    const { Runtimes } = await docker.info();
    const looked = lookAtGpus(engine, [slot], { imageId, instance, runtime: null });
    if (Object.hasOwn(Runtimes ?? {}, 'nvidia')) return this.skip(); // docs/gpu.md says how such a host is checked.
    const error = await looked.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(UnfitEngineError);
    expect(error)
      .to.have.property('message')
      .that.matches(/gpu0.*could not select device driver/);
  });

  it('are missing, says the runner, where a container has none', async () => {
    const { engine, imageId, instance } = real();
    // The same look, at a device that the engine isn't asked for.
    const withoutRequest = {
      ...engine,
      ensureContainer: ({ HostConfig, ...options }: Parameters<typeof engine.ensureContainer>[0]) => {
        const { DeviceRequests: _, ...host } = HostConfig ?? {};
        return engine.ensureContainer({ ...options, HostConfig: host });
      },
    };
    const error = await lookAtGpus(withoutRequest, [slot], { imageId, instance, runtime: null }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(UnfitEngineError);
    expect(error).to.have.property('message').that.matches(/CUDA/);
  });
});
