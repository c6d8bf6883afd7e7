import { Gauge, type Registry } from 'prom-client';
import type { SlotView } from '../projections/gpu-leases.ts';
import type { ProjectionStatus } from '../projections/projection-status.ts';
import type { DeferredGate } from '../projections/submissions.ts';
import { NoLiveVersionError } from '../projections/versions.ts';

export type ServiceMetricsDependencies = {
  /** Position of the log's newest event; throws when the log can't be asked. */
  readonly head: () => Promise<number>;
  readonly walBytes: () => number;
  readonly projectionStatuses: (head: number) => readonly ProjectionStatus[];
  readonly uptimeSeconds: () => number;
  /** Read of `submissions`; throws `NoLiveVersionError` while that is being built. */
  readonly deferredGates: () => readonly DeferredGate[];
  /** Read of `gpu_leases`; throws `NoLiveVersionError` while that is being built. */
  readonly slots: () => readonly Pick<SlotView, 'slot' | 'quarantine'>[];
};

/** What `/metrics` says of log and read models, read when it is asked. A log that can't be asked leaves its samples out. */
export function registerServiceMetrics(registry: Registry, deps: ServiceMetricsDependencies): void {
  gauge(registry, 'prism_uptime_seconds', 'How long this process runs.', deps.uptimeSeconds);
  gauge(registry, 'prism_log_wal_bytes', "Size of the event log's write-ahead file; 0 without one.", deps.walBytes);
  new Gauge({
    name: 'prism_log_head_position',
    help: "Position of the log's newest event.",
    registers: [registry],
    async collect() {
      this.remove();
      const head = await deps.head().catch(() => null);
      if (head !== null) this.set(head);
    },
  });
  new Gauge({
    name: 'prism_gate_deferred_submissions',
    help: 'Submissions that wait for a gate that could not answer.',
    labelNames: ['gate', 'reason'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { gate, reason, submissions } of whereBuilt(deps.deferredGates))
        this.set({ gate, reason }, submissions);
    },
  });
  new Gauge({
    name: 'prism_slot_quarantined',
    help: '1 where a slot takes no leases.',
    labelNames: ['slot'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { slot, quarantine } of whereBuilt(deps.slots)) this.set({ slot }, quarantine === null ? 0 : 1);
    },
  });
  const ofProjections = (name: string, help: string, valueIn: (status: ProjectionStatus) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['projection'] as const,
      registers: [registry],
      async collect() {
        this.reset();
        const head = await deps.head().catch(() => null);
        const statuses = head === null ? [] : deps.projectionStatuses(head).filter(isServed);
        for (const status of statuses) this.set({ projection: status.name }, valueIn(status));
      },
    });
  ofProjections('prism_projection_position', 'Last position folded by the live version.', ({ position }) => position);
  ofProjections('prism_projection_lag', 'How far the live version is behind the newest event.', ({ lag }) => lag);
  ofProjections('prism_projection_poisoned', '1 where the live version has stopped at an event.', ({ poison }) =>
    poison === null ? 0 : 1,
  );
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

function whereBuilt<Row>(read: () => readonly Row[]): readonly Row[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof NoLiveVersionError) return [];
    throw error;
  }
}

function isServed({ state }: ProjectionStatus): boolean {
  return state === 'live' || state === 'poisoned';
}
