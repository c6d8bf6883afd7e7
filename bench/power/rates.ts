import { printRate } from '../report.ts';

/** How often something held in some trials, beside how often it is stated to. */
export function reportRate(what: string, trials: number, stated: number, holds: (trial: number) => boolean): void {
  let held = 0;
  for (let trial = 0; trial < trials; trial += 1) held += holds(trial) ? 1 : 0;
  printRate({
    ...{ bench: 'power', case: what, value: held / trials, unit: 'share of trials' },
    ...{ baseline: 'stated', baselineValue: stated },
  });
}

/** Share of a standard normal below x (Abramowitz & Stegun 1964, 26.2.17; within 1e-7). */
export function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const polynomial = series.reduceRight((sum, coefficient) => (sum + coefficient) * t, 0);
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return x > 0 ? 1 - tail : tail;
}
