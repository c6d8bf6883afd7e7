import { z } from 'zod';
import { eventsAnswer } from './answers.ts';
import type { ServiceClient } from './service-client.ts';

const verdicts = {
  ContractResolved: 'passed',
  GatePassed: 'passed',
  GateFailed: 'failed',
  GateSkipped: 'skipped',
} as const;
const isVerdict = (type: string): type is keyof typeof verdicts => Object.hasOwn(verdicts, type);

const findingsSchema = z.array(
  z.looseObject({ rule: z.string(), path: z.string().nullable(), line: z.number().nullable() }),
);

/** What a gate came to, and the wall clock from the verdict before it (the receipt, for the first) to its own, waiting included. */
export type GateTime = {
  readonly gate: string;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly milliseconds: number;
  readonly findings: readonly { readonly rule: string; readonly path: string | null; readonly line: number | null }[];
};

/** The gates of a submission in their order, from the first page of its timeline: they come before all else. */
export async function gateTimes(client: ServiceClient, id: string): Promise<readonly GateTime[]> {
  const { events } = await client.get(`/v1/submissions/${id}/events`, eventsAnswer);
  let dueAt = Date.parse(events[0]?.recorded_at ?? '');
  return events.flatMap(({ type, recorded_at, data }) => {
    if (!isVerdict(type)) return [];
    const [from, until] = [dueAt, Date.parse(recorded_at)];
    dueAt = until;
    return {
      gate: type === 'ContractResolved' ? 'contract' : String(data.gate),
      verdict: verdicts[type],
      milliseconds: until - from,
      findings: findingsSchema.parse(data.findings ?? []).map(({ rule, path, line }) => ({ rule, path, line })),
    };
  });
}

/** One line: `contract passed 310 ms, static failed 12 ms (prism:no-filesystem, training.py:22)`. */
export function describeGates(gates: readonly GateTime[]): string {
  return gates
    .map(({ gate, verdict, milliseconds, findings: [first] }) => {
      const place = [first?.path, first?.line].filter((part) => part !== null && part !== undefined).join(':');
      const found = first === undefined ? '' : ` (${[first.rule, place].filter((part) => part !== '').join(', ')})`;
      return `${gate} ${verdict} ${milliseconds} ms${found}`;
    })
    .join(', ');
}
