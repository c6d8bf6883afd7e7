import { expect } from 'chai';
import { faultResult } from '../../executor/evidence.ts';
import { unlessGpuIsLost } from '../../executor/gpu-loss.ts';
import type { Verdict } from '../../executor/outcome.ts';
import type { SlotPlan } from '../../executor/slot-plan.ts';
import { fakeEngine, type Program } from './fake-engine.ts';

const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
const slot: SlotPlan = { device: 'gpu0', deviceClass: 'gpu', cpuset: '0', memoryBytes: 2 ** 30 };
const look = { imageId: 'sha256:image', instance: 'test', runtime: null };
const working: Program = (self) => {
  self.print(`${JSON.stringify({ gpu })}\n`);
  self.exit(0);
};
const broken: Program = (self) => {
  self.print('{"missing": "cuda:0 doesn\'t work: CUDA error: unspecified launch failure"}\n');
  self.exit(1);
};

const result = (verdict: Verdict) => ({ ...faultResult('', ''), verdict });
const theirs = result({ kind: 'submissionFault', verdict: 'exception', where: 'training.py:3', message: 'CUDA error' });

describe('a blame on a GPU slot', () => {
  it('stands where the device works', async () => {
    const { engine, leftovers } = fakeEngine({ device: working });
    expect(await unlessGpuIsLost(engine, slot, look, theirs)).to.equal(theirs);
    expect(leftovers()).to.deep.equal([]);
  });

  it('is ours where the device is lost, whatever the contestant was blamed for', async () => {
    const { engine } = fakeEngine({ device: broken });
    const late = result({ kind: 'limitExceeded', verdict: 'timeout', where: null, message: 'late' });
    for (const blamed of [theirs, late]) {
      const { verdict } = await unlessGpuIsLost(engine, slot, look, blamed);
      expect(verdict).to.include({ kind: 'infrastructureFault', reason: 'deviceLost' });
      expect(verdict).to.have.property('message').that.includes('unspecified launch failure');
    }
  });

  it('keeps what the contestant had committed to', async () => {
    const { engine } = fakeEngine({ device: broken });
    const kept = { commitments: Buffer.from('hashes'), log: Buffer.from('printed') };
    expect(await unlessGpuIsLost(engine, slot, look, { ...theirs, ...kept })).to.deep.include(kept);
  });

  it('takes no look where nobody is blamed, nor on a CPU', async () => {
    const { engine, calls } = fakeEngine({ device: broken });
    const completed = result({ kind: 'completed' });
    expect(await unlessGpuIsLost(engine, slot, look, completed)).to.equal(completed);
    expect(await unlessGpuIsLost(engine, { ...slot, device: 'cpu0', deviceClass: 'cpu' }, look, theirs)).to.equal(
      theirs,
    );
    expect(calls).to.deep.equal([]);
  });

  it('waits for a stopping service no longer than that', async () => {
    const stopping = new AbortController();
    const { engine, leftovers } = fakeEngine({ device: () => stopping.abort(new Error('stop')) });
    const stopped = unlessGpuIsLost(engine, slot, { ...look, signal: stopping.signal }, theirs);
    expect(await stopped.catch((error: Error) => error.message)).to.equal('stop');
    expect(leftovers()).to.deep.equal([]);
  });
});
