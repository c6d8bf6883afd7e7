import Router from '@koa/router';
import Koa from 'koa';
import { dueSubmissionsProjection } from '../projections/due-submissions.ts';
import { epochsProjection } from '../projections/epochs.ts';
import { evalJobsProjection } from '../projections/eval-jobs.ts';
import { gpuLeasesProjection } from '../projections/gpu-leases.ts';
import { holdsProjection } from '../projections/holds.ts';
import { llmReviewsProjection } from '../projections/llm-reviews.ts';
import { plagiarismReviewsProjection } from '../projections/plagiarism-reviews.ts';
import type { Projection } from '../projections/projection.ts';
import { scoresProjection } from '../projections/scores.ts';
import { submissionSourcesProjection } from '../projections/submission-sources.ts';
import { submissionsProjection } from '../projections/submissions.ts';
import { answerProblems, type ReportedFault } from './answer-problems.ts';
import { authenticate } from './authenticate.ts';
import { problem } from './problem.ts';
import type { ReceiveDependencies } from './receive-bundle.ts';
import { getCurrentEpoch } from './routes/get-current-epoch.ts';
import { getEpochs } from './routes/get-epochs.ts';
import { getEvalJobs } from './routes/get-eval-jobs.ts';
import { getGpuStatus } from './routes/get-gpu-status.ts';
import { getHealth, type HealthDependencies } from './routes/get-health.ts';
import { getHold } from './routes/get-hold.ts';
import { getHolds } from './routes/get-holds.ts';
import { getLeaderboard } from './routes/get-leaderboard.ts';
import { getMetrics, type MetricsSource } from './routes/get-metrics.ts';
import { type GetSubmissionDependencies, getSubmission } from './routes/get-submission.ts';
import { getSubmissionEvents } from './routes/get-submission-events.ts';
import { getVersion, type VersionDependencies } from './routes/get-version.ts';
import { getWeights } from './routes/get-weights.ts';
import { postBridgeSubmission } from './routes/post-bridge-submission.ts';
import { postHoldResolution } from './routes/post-hold-resolution.ts';
import { type DecideSlotDependencies, postSlotDecision } from './routes/post-slot-decision.ts';
import { waitForProjections } from './wait-for-projections.ts';

type DependenciesOf<Route extends (deps: never) => unknown> = Parameters<Route>[0];

/** What the routes need, each its own part; nothing here is opened or closed by `http`. */
export type AppDependencies = {
  readonly sharedToken: string | null;
  readonly reportFault: (fault: ReportedFault) => void;
  readonly newId: () => string;
  readonly health: HealthDependencies;
  readonly version: VersionDependencies;
  readonly metrics: MetricsSource;
  readonly receive: ReceiveDependencies;
  readonly submission: GetSubmissionDependencies;
  readonly events: DependenciesOf<typeof getSubmissionEvents>;
  /** How `?wait=projected` waits, on every route that reads read models or makes them change. */
  readonly waiting: Parameters<typeof waitForProjections>[0];
  readonly board: DependenciesOf<typeof getLeaderboard> & DependenciesOf<typeof getWeights>;
  readonly epochs: DependenciesOf<typeof getEpochs>;
  readonly holds: DependenciesOf<typeof getHolds> &
    DependenciesOf<typeof getHold> &
    DependenciesOf<typeof postHoldResolution>;
  readonly work: DependenciesOf<typeof getEvalJobs> & DependenciesOf<typeof getGpuStatus>;
  readonly slots: DecideSlotDependencies;
};

/** The HTTP face. One line a route; what each does is in the file of its name. */
export function createApp(deps: AppDependencies): Koa {
  const app = new Koa();
  const router = new Router();
  const seen = (...projections: readonly Projection[]) => waitForProjections(deps.waiting, ...projections);
  router.get('/health', getHealth(deps.health));
  router.get('/version', getVersion(deps.version));
  router.get('/metrics', getMetrics(deps.metrics));
  const ofSubmissions = seen(submissionsProjection, dueSubmissionsProjection);
  router.get('/v1/submissions/:id', ofSubmissions, getSubmission(deps.submission));
  router.get('/v1/submissions/:id/events', getSubmissionEvents(deps.events));
  router.get('/v1/leaderboard', seen(scoresProjection), getLeaderboard(deps.board));
  router.get('/v1/epochs', seen(epochsProjection), getEpochs(deps.epochs));
  router.get('/v1/epochs/current', getCurrentEpoch(deps.epochs));
  router.get('/v1/health/eval-jobs', seen(evalJobsProjection), getEvalJobs(deps.work));
  router.get('/v1/gpu/status', seen(gpuLeasesProjection), getGpuStatus(deps.work));

  const internal = authenticate(deps.sharedToken);
  router.post('/internal/v1/bridge/submissions', internal, postBridgeSubmission(deps.receive, deps.waiting));
  router.get('/internal/v1/get_weights', internal, seen(scoresProjection), getWeights(deps.board));
  router.get('/internal/v1/holds', internal, seen(holdsProjection), getHolds(deps.holds));
  const ofHolds = seen(
    ...[holdsProjection, submissionsProjection, submissionSourcesProjection],
    ...[llmReviewsProjection, plagiarismReviewsProjection],
  );
  router.get('/internal/v1/holds/:id', internal, ofHolds, getHold(deps.holds));
  router.post('/internal/v1/holds/:id/resolve', internal, postHoldResolution(deps.holds));
  router.post('/internal/v1/slots/:slot/quarantine', internal, postSlotDecision(deps.slots, 'QuarantineSlot'));
  router.post('/internal/v1/slots/:slot/restore', internal, postSlotDecision(deps.slots, 'RestoreSlot'));

  app.use(answerProblems(deps));
  app.use(nothingServed);
  app.use(router.routes());
  app.use(router.allowedMethods());
  // Whatever a handler throws is answered above; Koa reports here what breaks afterwards. A client that went away isn't our fault.
  app.on('error', (error, ctx?: Koa.Context) => {
    if (ctx?.req.socket.destroyed !== true) {
      deps.reportFault({ traceId: deps.newId(), method: ctx?.method ?? '', path: ctx?.path ?? '', error });
    }
  });
  return app;
}

/** What no route answered. Koa's router only sets a bare status for it. */
async function nothingServed(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  await next();
  if (ctx.body !== undefined && ctx.body !== null) return;
  if (ctx.status === 404) throw problem('notFound', `Nothing is served at ${ctx.path}.`);
  if (ctx.status === 405) throw problem('methodNotAllowed', 'The Allow header names the methods that are.');
  if (ctx.status === 501) throw problem('notImplemented', 'This server does not know the method.');
}
