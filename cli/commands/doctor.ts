import { exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { diagnose } from '../runtime.ts';

/** Says what this machine has, what it lacks, and how to mend that. Changes nothing. */
export async function doctor(output: Output): Promise<number> {
  const checks = await diagnose();
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
