import type { CommandHandler } from '../domain/handle-command.ts';
import { deriveId } from '../domain/ids.ts';
import { isRejection } from '../domain/rejection.ts';
import { type SlotEvent, slotStream } from '../domain/slot/events.ts';
import type { SlotCommand, SlotState } from '../domain/slot/slot.ts';
import { checkSlotPlans, type SlotPlan, UnfitSlotPlanError } from './slot-plan.ts';

export type Slots = CommandHandler<SlotState, SlotCommand, SlotEvent>;

export function assertExecutorName(executorName: string): void {
  if (/^[a-z0-9.]+$/.test(executorName)) return;
  throw new UnfitSlotPlanError(
    `The executor's name ${executorName} may have lower-case letters, digits and dots only.`,
  );
}

/** Makes the slots known to the log. A slot that is known with the same properties yields no event. */
export async function registerSlots(
  plans: readonly SlotPlan[],
  host: { readonly cpus: number; readonly memoryBytes: number },
  { slots, executorName, now }: { readonly slots: Slots; readonly executorName: string; readonly now: () => Date },
): Promise<void> {
  assertExecutorName(executorName);
  checkSlotPlans(plans, host);
  for (const plan of plans) {
    const stream = slotStream(executorName, plan.device);
    const { revision } = await slots.load(stream);
    const slot = { executor: executorName, ...plan };
    const causeId = deriveId('registerSlot', stream, revision, JSON.stringify(slot));
    const handled = await slots.handle(
      stream,
      { kind: 'RegisterSlot', slot },
      { causeId, correlationId: causeId, at: now().toISOString() },
    );
    if (isRejection(handled)) throw new UnfitSlotPlanError(handled.detail);
  }
}
