import type { Middleware } from 'koa';

/** What a Prometheus registry gives; `http` reads it and registers nothing by itself. */
export type MetricsSource = { readonly contentType: string; metrics(): Promise<string> };

/** `GET /metrics`: everything that the registry knows, in Prometheus' text format. */
export function getMetrics(source: MetricsSource): Middleware {
  return async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.body = await source.metrics();
    ctx.type = source.contentType;
  };
}
