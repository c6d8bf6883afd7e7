import type { Policy } from '../../domain/policy/policy.ts';
import type { InstantiationReport } from '../../domain/ports/instantiator.ts';

/** What a model's forward says about the budget. An estimate from two rows on one core of the gate's host: nothing follows from it. */
export type Throughput = {
  readonly tokensPerSecond: number;
  /** Share of the stream that training would cover within its budget, 0 … 1, at the speed of that core. */
  readonly coveredShare: number;
};

/** A backward pass takes about as long as two forwards. */
const forwardsPerStep = 3;

/** `streamTokens`: of the run. Null where no forward was timed. */
export function throughputOf(
  { asked, probes }: InstantiationReport,
  { limits, integrity }: Policy,
  streamTokens: number,
): Throughput | null {
  const fastest = Math.min(...probes.map(({ seconds }) => seconds));
  if (asked === null || !(fastest > 0) || !Number.isFinite(fastest)) return null;
  const tokensPerSecond = (asked.rows * asked.length) / fastest;
  const forwards = 1 + integrity.run.framesPerBatch + forwardsPerStep;
  return {
    tokensPerSecond,
    coveredShare: Math.min(1, (limits.budgetSeconds * tokensPerSecond) / (forwards * streamTokens)),
  };
}
