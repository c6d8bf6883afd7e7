import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../cli/package-root.ts';
import { demoSeasonSecret } from '../../cli/runtime.ts';
import type { RunnerFacts } from '../../executor/run-spec.ts';
import { runScript } from '../evaluator.ts';
import type { Population } from './population.ts';

const costs = z.array(z.array(z.int().nonnegative()));
const batchSchema = z.strictObject({ honest: costs, baseline: costs });
type Costs = z.infer<typeof costs>;

/**
 * Costs of every position as a GRU of 64 and the referee's predictor really pay them for the demo's stream, one byte a token, in batches
 * of B rows of T tokens: no distribution that we thought of.
 */
export async function textPopulation(
  runner: RunnerFacts,
  rows: number,
  length: number,
  streamBytes: number,
): Promise<Population> {
  const folders = {
    '/bench': join(packageRoot, 'bench', 'power'),
    '/shared': join(packageRoot, 'test', 'adversarial', 'bundles', 'shared'),
  };
  const given = [runner.dataDigest, demoSeasonSecret, streamBytes, rows, length];
  const batches = await runScript(runner, { path: '/bench/text_costs.py', arguments: given, folders }, batchSchema);
  const shapes = batches.map(({ honest }) => ({ rows: honest.length, length: (honest[0]?.length ?? 0) + 1 }));
  const at = (kind: 'honest' | 'baseline') => (batch: number, row: number, position: number) =>
    batches[batch]?.[kind][row]?.[position] ?? 0;
  return {
    shape: { batches: shapes, vocab: 256, bytesPerToken: 1 },
    honest: at('honest'),
    baseline: at('baseline'),
    totals: batches.map(({ honest, baseline }) => ({ honest: sumOf(honest), baseline: sumOf(baseline) })),
  };
}

function sumOf(costs: Costs): number {
  return costs.reduce((total, row) => row.reduce((sum, cost) => sum + cost, total), 0);
}
