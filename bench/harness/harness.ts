import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../cli/package-root.ts';
import { prepareRuntime, releaseRuntime } from '../../cli/runtime.ts';
import { readConfig } from '../../config.ts';
import type { RunnerFacts } from '../../executor/run-spec.ts';
import { withBenchFolder } from '../bench-folder.ts';
import { runScript } from '../evaluator.ts';
import type { BenchOptions } from '../main.ts';
import { median, printCost, printMethod, printRate } from '../report.ts';
import { type HarnessCase, writeGiven } from './given.ts';

const rows = 16;
const length = 256;
/** A batch may hold a 64th of the stream. */
const smallestStreamBytes = 64 * rows * length;

const cases: readonly HarnessCase[] = [
  { model: 'transformer', vocab: 256 },
  { model: 'transformer', vocab: 4_096 },
  { model: 'gru', vocab: 256 },
  { model: 'gru', vocab: 4_096 },
];

/** What is reported beside the recorder, which is their baseline. */
const reported = ['bare', 'scored', 'reused'] as const;

const method =
  'B=16, T=256, AdamW, one torch thread; referee and contestant are two processes of the evaluator image in one container, ' +
  'a core each, over the real channel, decoys at the default rate; contenders train in turns, in rotating order; medians. ' +
  'Baseline: an in-process recorder, one no-grad forward a batch';

/**
 * What judging out of process costs: tokens a second of a bare loop, of a recorder within the process, of ours, and of ours with the
 * scored forward reused. All four train the same model on the same batches in the same container.
 */
export async function harness({ quick, only }: BenchOptions): Promise<void> {
  const plan = { rounds: quick ? 3 : 11, batches: 4 };
  const isAsked = (name: string) => only === null || name.startsWith(only);
  const chosen = cases.filter((each) => reported.some((contender) => isAsked(`${nameOf(each)} ${contender}`)));
  printMethod('harness', `${method}; ${plan.batches} batches a turn`, plan.rounds);
  await withBenchFolder(async (folder) => {
    const config = readConfig({ PRISM_DATA_DIR: folder });
    try {
      const { runner } = await prepareRuntime(config);
      for (const each of chosen) await measure(each, join(folder, nameOf(each)), runner, plan);
    } finally {
      await releaseRuntime();
    }
  });
}

type Plan = { readonly rounds: number; readonly batches: number };

async function measure(each: HarnessCase, folder: string, runner: RunnerFacts, plan: Plan): Promise<void> {
  const bench = join(packageRoot, 'bench', 'harness');
  const needed = (plan.rounds + 2) * plan.batches * rows * length;
  await writeGiven(folder, bench, each, Math.max(needed, smallestStreamBytes), runner);
  const folders = { '/bench': bench, '/given': folder };
  const script = { path: '/bench/turns.py', arguments: [plan.rounds, plan.batches], folders };
  report(each, await runScript(runner, script, turnSchema), plan);
}

const turnSchema = z.strictObject({
  contender: z.enum(['recorder', ...reported]),
  wallSeconds: z.number().positive(),
  cpuSeconds: z.number().nonnegative(),
});
type Turn = z.infer<typeof turnSchema>;

/** Tokens a second, and CPU seconds of all processes of a contender for a million tokens. */
function report(each: HarnessCase, turns: readonly Turn[], { batches }: Plan): void {
  const tokens = batches * rows * length;
  const of = (contender: Turn['contender'], figure: (turn: Turn) => number) =>
    median(turns.filter((turn) => turn.contender === contender).map(figure));
  const rate = (contender: Turn['contender']) => of(contender, ({ wallSeconds }) => tokens / wallSeconds);
  const cpu = (contender: Turn['contender']) => of(contender, ({ cpuSeconds }) => (cpuSeconds / tokens) * 1e6);
  const line = { bench: 'harness', baseline: 'in-process recorder' };
  for (const contender of reported) {
    const name = `${nameOf(each)} ${contender}`;
    const [value, baselineValue] = [rate(contender), rate('recorder')];
    printRate({ ...line, case: name, value, unit: 'tokens/s', baselineValue });
    const spent = { value: cpu(contender), baselineValue: cpu('recorder') };
    printCost({ ...line, ...spent, case: `${name}, CPU`, unit: 'CPU seconds a million tokens' });
  }
}

function nameOf({ model, vocab }: HarnessCase): string {
  return `${model} ${vocab}`;
}
