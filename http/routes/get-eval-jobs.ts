import type { Middleware } from 'koa';
import type { EvalJobCount, EvalJobQueries } from '../../projections/eval-jobs.ts';

/** `GET /v1/health/eval-jobs`: how many jobs stand in which state, by level. */
export function getEvalJobs(deps: { readonly evalJobs: EvalJobQueries }): Middleware {
  return (ctx) => {
    const { counts, oldestOpenAt } = deps.evalJobs.summary();
    ctx.body = { levels: byLevel(counts), oldest_open_at: oldestOpenAt };
  };
}

/** `{l1: {running: 2}, gpu: {completed: 7, failed: 1}}` */
function byLevel(counts: readonly EvalJobCount[]): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const levels = [...new Set(counts.map(({ level }) => level))];
  return Object.fromEntries(
    levels.map((level) => {
      const ofLevel = counts.filter((count) => count.level === level);
      return [level, Object.fromEntries(ofLevel.map(({ state, jobs }) => [state, jobs]))];
    }),
  );
}
