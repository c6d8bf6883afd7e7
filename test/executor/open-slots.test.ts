import { expect } from 'chai';
import { commandHandler } from '../../domain/handle-command.ts';
import { deriveId } from '../../domain/ids.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { type SlotCommand, slotAggregate } from '../../domain/slot/slot.ts';
import { UnfitEngineError } from '../../executor/engine-facts.ts';
import { openSlots } from '../../executor/open-slots.ts';
import type { SlotPlan } from '../../executor/slot-plan.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { instant } from '../domain/submission-examples.ts';
import { fakeEngine } from './fake-engine.ts';
import { digestOf } from './run-examples.ts';

const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
const host = { cpus: 8, memoryBytes: 2 ** 40 };
const instance = 'test';
const nameOf = (device: string) => slotStream('host', device);

/** An executor's starts on one log, with the GPUs that are broken at each. */
function world(devices: readonly string[]) {
  const log = memoryEventLog();
  const slots = commandHandler(log, slotAggregate);
  const places = devices.map((device, index) => {
    const deviceClass = device.startsWith('gpu') ? 'gpu' : 'cpu';
    const plan: SlotPlan = { device, deviceClass, cpuset: String(index), memoryBytes: 2 ** 30 };
    return { executor: 'host', stream: nameOf(device), plan };
  });
  let told = 0;
  return {
    async start(broken: readonly string[] = [], leased: readonly string[] = []) {
      const names = broken.map((device) => `prism-${deriveId('gpuLook', instance, device)}-device`);
      const { engine, calls } = fakeEngine({
        device(self) {
          self.print(`${JSON.stringify(names.includes(self.name) ? { missing: 'out of memory' } : { gpu })}\n`);
          self.exit(0);
        },
      });
      const digest = digestOf('anything');
      const parts = {
        ...{ engine, slots, instance, runtime: null, now: () => new Date(0) },
        logger: { info() {}, warn() {}, error() {} },
        runner: {
          ...{ imageId: 'image', runnerDigest: digest, dataDir: '/d', valDir: '/v', tokenizersDir: '/t' },
          ...{ dataDigest: digest, valDigest: digest, tokenizersDigest: digest },
        },
      };
      await openSlots(parts, places, new Set(leased.map(nameOf)), host);
      return calls.filter((call) => call === 'create device').length;
    },
    tell(device: string, command: SlotCommand) {
      told += 1;
      return slots.handle(nameOf(device), command, { causeId: `${told}`, correlationId: 'test', at: instant(0) });
    },
    quarantineOf: async (device: string) => {
      const { state } = await slots.load(nameOf(device));
      return state.kind === 'registered' ? (state.quarantine?.reason ?? null) : 'unregistered';
    },
    typesOf: async (device: string) => (await log.readStream(nameOf(device))).map(({ envelope }) => envelope.type),
  };
}

describe('An executor’s slots at its start', () => {
  it('are registered, and a GPU that can’t be used keeps no other slot from its work', async () => {
    const { start, quarantineOf } = world(['gpu0', 'gpu1', 'cpu0']);
    await start(['gpu0']);
    expect(await quarantineOf('gpu0')).to.match(/^Slot gpu0 can't be used: out of memory/);
    expect([await quarantineOf('gpu1'), await quarantineOf('cpu0')]).to.deep.equal([null, null]);
  });

  it('end the start where none can be used, before anything is registered', async () => {
    const { start, typesOf } = world(['gpu0', 'gpu1']);
    const error = await start(['gpu0', 'gpu1']).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(UnfitEngineError).with.property('message').that.includes('gpu0');
    expect(await typesOf('gpu0')).to.deep.equal([]);
  });

  it('are not looked at while an attempt of an earlier life may be on them, however full it has made them', async () => {
    const { start, quarantineOf } = world(['gpu0']);
    await start();
    expect(await start(['gpu0'], ['gpu0'])).to.equal(0);
    expect(await quarantineOf('gpu0')).to.equal(null);
  });

  it('that their own faults had closed are open again once a look finds nothing wrong', async () => {
    const { start, quarantineOf, typesOf } = world(['gpu0', 'cpu0']);
    await start(['gpu0']);
    await start(['gpu0']);
    expect(await typesOf('gpu0')).to.deep.equal(['SlotRegistered', 'SlotQuarantined']);
    await start();
    expect(await quarantineOf('gpu0')).to.equal(null);
    await start(['gpu0']);
    expect(await quarantineOf('gpu0')).to.include('out of memory');
  });

  it('that an operator had closed stay closed', async () => {
    const { start, tell, quarantineOf } = world(['cpu0']);
    await start();
    await tell('cpu0', { kind: 'QuarantineSlot', operator: 'olga', reason: 'the host is to be moved' });
    await start();
    expect(await quarantineOf('cpu0')).to.equal('the host is to be moved');
  });
});
