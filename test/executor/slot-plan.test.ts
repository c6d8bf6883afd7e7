import { expect } from 'chai';
import { commandHandler } from '../../domain/handle-command.ts';
import { slotAggregate } from '../../domain/slot/slot.ts';
import { registerSlots } from '../../executor/register-slots.ts';
import { checkSlotPlans, coresOf, lookShortage, type SlotPlan } from '../../executor/slot-plan.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';

const gibibyte = 2 ** 30;
const slot = (device: string, cpuset: string, gib = 4): SlotPlan => ({
  device,
  deviceClass: 'cpu',
  cpuset,
  memoryBytes: gib * gibibyte,
});
const host = { cpus: 4, memoryBytes: 16 * gibibyte };

describe('slot plans', () => {
  it('are taken where cores and memory are enough', () => {
    checkSlotPlans([slot('cpu0', '0'), { ...slot('gpu0', '1-2'), deviceClass: 'gpu' }], host);
  });

  const refused: readonly (readonly [string, readonly SlotPlan[], RegExp])[] = [
    ['share a core', [slot('cpu0', '0-1'), slot('cpu1', '1')], /share core 1/],
    ['want a core that the host lacks', [slot('cpu0', '4')], /the host has 4/],
    [
      'want more memory than the host has, with the referees and the reserve',
      [slot('cpu0', '0', 4), slot('cpu1', '1', 5)],
      /want 17.0 GiB/,
    ],
    ['have one name twice', [slot('cpu0', '0'), slot('cpu0', '1')], /Two slots/],
    ['have a name that would split a stream name', [slot('cpu-0', '0')], /device name/],
    ['call a GPU by no number', [{ ...slot('gpux', '0'), deviceClass: 'gpu' }], /gpux is no GPU of the engine/],
    ['have no core set', [slot('cpu0', 'all')], /no set of cores/],
    ['have a reversed range', [slot('cpu0', '3-1')], /comes before/],
  ];
  for (const [what, plans, message] of refused) {
    it(`are refused where they ${what}`, () => {
      expect(() => checkSlotPlans(plans, host)).to.throw(message);
    });
  }

  it('say where a look at a model has no memory beside them, and are taken all the same', () => {
    const plans = [slot('cpu0', '0', 4)];
    expect(lookShortage(plans, host.memoryBytes, 6 * gibibyte)).to.equal(null);
    expect(lookShortage(plans, host.memoryBytes, 9 * gibibyte)).to.match(/\(9.0 GiB\) want 19.0 GiB .* has 16.0 GiB/);
    checkSlotPlans(plans, host);
  });

  it("are read in the kernel's notation", () => {
    expect(coresOf('0,2-4')).to.deep.equal([0, 2, 3, 4]);
  });

  it('are registered once, and again only where they change', async () => {
    const log = memoryEventLog();
    const slots = commandHandler(log, slotAggregate);
    const register = (plan: SlotPlan) =>
      registerSlots([plan], host, { slots, executorName: 'host', now: () => new Date(0) });
    await register(slot('cpu0', '0'));
    await register(slot('cpu0', '0'));
    await register(slot('cpu0', '1'));
    await register(slot('cpu0', '0'));
    const events = await log.readStream('slot-host-cpu0');
    expect(events.map(({ envelope }) => `${envelope.type} ${envelope.data.cpuset}`)).to.deep.equal([
      'SlotRegistered 0',
      'SlotRegistered 1',
      'SlotRegistered 0',
    ]);
  });
});
