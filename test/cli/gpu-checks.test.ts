import { expect } from 'chai';
import { gpuChecks } from '../../cli/gpu-checks.ts';
import { fakeEngine } from '../executor/fake-engine.ts';

const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
const slots = [
  { device: 'cpu0', deviceClass: 'cpu', cpuset: '0', memoryBytes: 2 ** 30 },
  { device: 'gpu0', deviceClass: 'gpu', cpuset: '1', memoryBytes: 2 ** 30 },
] as const;

const anImage = async () => ({ imageId: 'sha256:image' });

describe('the doctor’s look at GPUs', () => {
  it('says what each one is, and nothing of a CPU', async () => {
    const { engine } = fakeEngine({
      device: (self) => {
        self.print(`${JSON.stringify({ gpu })}\n`);
        self.exit(0);
      },
    });
    expect(await gpuChecks({ slots }, anImage, engine)).to.deep.equal([
      { name: 'gpu0', ok: true, detail: 'NVIDIA H100, driver 550.54.15, CUDA 12.6', remedy: null },
    ]);
  });

  it('says what is missing', async () => {
    const { engine } = fakeEngine({
      device: (self) => {
        self.print('{"missing": "torch is built without CUDA in this image"}\n');
        self.exit(1);
      },
    });
    const [check] = await gpuChecks({ slots }, anImage, engine);
    expect(check).to.include({ name: 'gpu0', ok: false }).and.have.property('detail').that.includes('without CUDA');
    expect(await gpuChecks({ slots }, async () => ({ missing: 'no image' }), engine))
      .to.have.nested.property('[0].detail')
      .that.includes('image');
  });

  it('says that nothing answers', async () => {
    const fake = fakeEngine({});
    fake.break();
    expect(await gpuChecks({ slots }, anImage, fake.engine)).to.have.nested.property('[0].ok', false);
    expect(await gpuChecks({ slots: [slots[0]] }, anImage, fake.engine)).to.deep.equal([]);
  });
});
