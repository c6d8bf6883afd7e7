import type { Config } from '../../config.ts';
import { exitCodes } from '../exit-codes.ts';
import { gpuChecks } from '../gpu-checks.ts';
import type { Output } from '../output.ts';
import { diagnose, findEvaluatorImage } from '../runtime.ts';

/** Says what this machine has, what it lacks, and how to mend that, the GPUs of `PRISM_SLOTS` among it. Changes nothing. */
export async function doctor(config: Config, output: Output): Promise<number> {
  const machine = await diagnose();
  const checks = [...machine, ...(await gpuChecks(config, findEvaluatorImage))];
  const isWell = checks.every(({ ok }) => ok);
  output.result({ ok: isWell, checks }, () =>
    checks
      .map(
        ({ name, ok, detail, remedy }) =>
          `${ok ? 'ok     ' : 'missing'}  ${name}: ${detail}${remedy === null ? '' : `\n         mend: ${remedy}`}`,
      )
      .join('\n'),
  );
  return isWell ? exitCodes.ok : exitCodes.negative;
}
