/** How many times the budget of `npm test`; `npm run fuzz` sets it (scripts/fuzz.mjs). */
const factor = Number(process.env.PRISM_FUZZ ?? 1);

/** Runs of a fuzz test whose share of `npm test` is `runs`, and a time-out that they surely keep. */
export function fuzzBudget(runs: number): { readonly numRuns: number; readonly timeoutMs: number } {
  return { numRuns: runs * factor, timeoutMs: 60_000 * factor };
}
