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

/** What a gate came to, and the wall clock from the event before it to its verdict, waiting included. */
export type GateTime = {
  readonly gate: string;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly milliseconds: number;
  readonly findings: readonly { readonly rule: string; readonly path: string | null; readonly line: number | null }[];
};

/** The gates of a submission in their order, from the first page of its timeline: they come before all else. */
export async function gateTimes(client: ServiceClient, id: string): Promise<readonly GateTime[]> {
  const { events } = await client.get(`/v1/submissions/${id}/events`, eventsAnswer);
  return events.flatMap(({ type, recorded_at, data }, index) => {
    const before = events[index - 1];
    if (!isVerdict(type) || before === undefined) return [];
    const findings = findingsSchema.parse(data.findings ?? []);
    return {
      gate: type === 'ContractResolved' ? 'contract' : String(data.gate),
      verdict: verdicts[type],
      milliseconds: Date.parse(recorded_at) - Date.parse(before.recorded_at),
      findings: findings.map(({ rule, path, line }) => ({ rule, path, line })),
    };
  });
}
