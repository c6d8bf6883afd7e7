/**
 * Opens an executor's slots at its start. Each GPU is looked at, but for one on which an attempt of an earlier life may still run: its
 * contestant may have filled the memory, and says nothing about the device. A slot that can't be used is quarantined with the reason and
 * keeps no other from its work; where none can be used, the start ends with a sentence for the operator.
 */
import { deriveId } from '../domain/ids.ts';
import { isRejection } from '../domain/rejection.ts';
import type { SlotCommand } from '../domain/slot/slot.ts';
import { UnfitEngineError } from './engine-facts.ts';
import { lookAtGpus } from './gpu-look.ts';
import type { ExecutorParts, SlotPlace } from './plan-attempt.ts';
import { registerSlots } from './register-slots.ts';
import { UnfitSlotPlanError } from './slot-plan.ts';

type Parts = Pick<ExecutorParts, 'engine' | 'slots' | 'runner' | 'instance' | 'runtime' | 'now' | 'logger'>;
type Unfit = { readonly place: SlotPlace; readonly error: UnfitEngineError };

/**
 * Registers the slots, closes those that can't be used, and opens those again that their own faults had closed. `leased`: streams with an
 * active lease. Throws `UnfitEngineError` where no slot can be used; nothing is registered then.
 */
export async function openSlots(
  parts: Parts,
  places: readonly SlotPlace[],
  leased: ReadonlySet<string>,
  host: { readonly cpus: number; readonly memoryBytes: number },
): Promise<void> {
  const free = places.filter(({ stream }) => !leased.has(stream));
  const unfit: Unfit[] = [];
  for (const place of free) {
    const error = await whyUnfit(parts, place);
    if (error !== null) unfit.push({ place, error });
  }
  const [first] = unfit;
  if (first !== undefined && unfit.length === places.length) throw first.error;
  const executorName = places[0]?.executor ?? '';
  const plans = places.map(({ plan }) => plan);
  await registerSlots(plans, host, { slots: parts.slots, executorName, now: parts.now });
  for (const place of free) {
    const error = unfit.find((found) => found.place === place)?.error;
    if (error === undefined) await reopen(parts, place);
    else await close(parts, place, error);
  }
}

async function whyUnfit({ engine, runner, instance, runtime, logger }: Parts, { plan }: SlotPlace) {
  try {
    const found = await lookAtGpus(engine, [plan], { imageId: runner.imageId, instance, runtime });
    for (const [device, gpu] of found) logger.info({ device, ...gpu }, 'a GPU is ready');
    return null;
  } catch (error) {
    if (error instanceof UnfitEngineError) return error;
    throw error;
  }
}

async function close(parts: Parts, place: SlotPlace, { message }: UnfitEngineError): Promise<void> {
  parts.logger.warn({ slot: place.stream, reason: message }, 'the slot is quarantined');
  await tell(parts, place, { kind: 'QuarantineSlot', operator: null, reason: message });
}

/** What an operator closed, an operator opens. */
async function reopen(parts: Parts, place: SlotPlace): Promise<void> {
  const { state } = await parts.slots.load(place.stream);
  if (state.kind === 'unregistered' || state.quarantine === null || state.quarantine.operator !== null) return;
  parts.logger.info({ slot: place.stream, reason: state.quarantine.reason }, 'the slot is opened again');
  const reason = 'The executor has started anew and found nothing wrong with it.';
  await tell(parts, place, { kind: 'RestoreSlot', operator: 'prism', reason });
}

async function tell({ slots, now }: Parts, { stream }: SlotPlace, command: SlotCommand): Promise<void> {
  const { revision } = await slots.load(stream);
  const causeId = deriveId(command.kind, stream, revision);
  const handled = await slots.handle(stream, command, { causeId, correlationId: causeId, at: now().toISOString() });
  if (isRejection(handled)) throw new UnfitSlotPlanError(handled.detail);
}
