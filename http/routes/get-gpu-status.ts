import type { Middleware } from 'koa';
import type { SlotQueries, SlotView } from '../../projections/gpu-leases.ts';

/** `GET /v1/gpu/status`: every slot, what it is and who holds it. */
export function getGpuStatus(deps: { readonly slots: Pick<SlotQueries, 'slots'> }): Middleware {
  return (ctx) => {
    ctx.body = { slots: deps.slots.slots().map(toBody) };
  };
}

function toBody(slot: SlotView) {
  const isLeased = slot.submissionId !== null;
  const free = slot.quarantine === null ? 'free' : 'quarantined';
  return {
    slot: slot.slot,
    executor: slot.executor,
    device: slot.device,
    device_class: slot.deviceClass,
    state: isLeased ? 'leased' : free,
    quarantine: slot.quarantine,
    lease: isLeased
      ? {
          submission_id: slot.submissionId,
          run: slot.run,
          attempt: slot.attempt,
          granted_at: slot.grantedAt,
          deadline_at: slot.deadlineAt,
        }
      : null,
  };
}
