import type { Middleware } from 'koa';
import { gpuLeasesProjection, type SlotView } from '../../projections/gpu-leases.ts';
import type { ProjectionStatus } from '../../projections/projection-status.ts';
import { type DeferredGate, submissionsProjection } from '../../projections/submissions.ts';

export type HealthDependencies = {
  readonly slug: string;
  readonly version: string;
  /** Position of the log's newest event; throws when the log can't be asked. */
  readonly head: () => Promise<number>;
  /** Why the log takes no events, null while it does: requests that write are then answered 503. */
  readonly writeFault: () => Promise<string | null>;
  readonly projectionStatuses: (head: number) => readonly ProjectionStatus[];
  /** What is served when all is well, by name. */
  readonly projectionNames: readonly string[];
  /** Read of `gpu_leases`, which must be live. */
  readonly slots: () => readonly Pick<SlotView, 'slot' | 'quarantine' | 'submissionId'>[];
  /** Read of `submissions`, which must be live. */
  readonly deferredGates: () => readonly DeferredGate[];
};

/**
 * `GET /health`: 200 while requests are served, `degraded` when something behind the API needs a person, and 503 when
 * the log can't be asked. Details name what it is.
 */
export function getHealth(deps: HealthDependencies): Middleware {
  return async (ctx) => {
    const head = await deps.head().catch(() => null);
    const readiness =
      head === null
        ? { status: 'unavailable', reasons: ['logUnavailable'] }
        : readinessOf(deps, head, await deps.writeFault());
    ctx.set('Cache-Control', 'no-store');
    ctx.status = head === null ? 503 : 200;
    ctx.body = { slug: deps.slug, version: deps.version, ...readiness };
  };
}

function readinessOf(
  { projectionStatuses, projectionNames, slots, deferredGates }: HealthDependencies,
  head: number,
  writeFault: string | null,
) {
  const projections = projectionStatuses(head);
  const served = projections.filter(({ state }) => state === 'live' || state === 'poisoned').map(({ name }) => name);
  const missing = projectionNames.filter((name) => !served.includes(name));
  const poisoned = projections.filter(({ state }) => state === 'poisoned').map(({ name }) => name);
  const registered = missing.includes(gpuLeasesProjection.name) ? null : slots();
  const deferred = missing.includes(submissionsProjection.name) ? null : deferredGates();
  const quarantined = (registered ?? []).filter(({ quarantine }) => quarantine !== null);
  const reasons = [
    ...(writeFault === null ? [] : [`logNotWritable:${writeFault}`]),
    ...missing.map((name) => `projectionBuilding:${name}`),
    ...poisoned.map((name) => `projectionPoisoned:${name}`),
    ...(registered?.length === 0 ? ['noSlotRegistered'] : []),
    ...quarantined.map(({ slot }) => `slotQuarantined:${slot}`),
    ...(deferred ?? []).map(({ gate, reason }) => `gateDeferred:${gate}:${reason}`),
  ];
  return {
    status: reasons.length === 0 ? 'ok' : 'degraded',
    reasons,
    log: { head },
    projections: projections.map(toBody),
    deferred_gates: deferred?.map(({ gate, reason, submissions, retryAt }) => ({
      ...{ gate, reason, submissions, retry_at: retryAt },
    })),
    executor: registered && {
      slots: registered.length,
      leased: registered.filter(({ submissionId }) => submissionId !== null).length,
      quarantined: quarantined.length,
    },
  };
}

function toBody({ name, version, state, position, lag, poison }: ProjectionStatus) {
  return {
    name,
    version,
    state,
    position,
    lag,
    poison: poison === null ? null : { position: poison.position, event_id: poison.eventId, error: poison.error },
  };
}
