import { type Policy, policySchema } from '../domain/policy/policy.ts';
import { bitsPerByte } from '../domain/scoring/code-length.ts';
import type { Finding, Score, SubmissionEvent, SubmissionEventData } from '../domain/submission/events.ts';
import type { RunManifest } from '../executor/run-manifest.ts';
import { type HeldOutPart, heldOutText } from './held-out-text.ts';
import { rounded } from './output.ts';
import { indented } from './terminal-text.ts';

/** How a bundle did on this machine. Bits are a raw byte of the stream, rates a second of the run's frames and training. */
export type ScoreReport = {
  readonly verdict: 'completed' | 'rejected' | 'failed' | 'held';
  /** Null where nothing went wrong. `code` is the rejection's or the failure's reason, or what holds it. */
  readonly reason: { readonly code: string; readonly message: string; readonly where: string | null } | null;
  readonly findings: readonly Finding[];
  /** Of a completed run. */
  readonly score: {
    readonly bitsPerByte: number;
    readonly blindBpb: number | null;
    readonly blindStandardErrorBpb: number | null;
    readonly undetectedBpb: number | null;
    readonly baselineBpb: number | null;
    /** Null where it is held. */
    readonly chargedBpb: number | null;
    readonly finalScore: number | null;
    /** What became of it on text that it has never seen; null where it is held. */
    readonly heldOut: HeldOutPart | null;
    readonly streamBytes: number;
    readonly coveredBytes: number;
    readonly stoppedByClock: boolean;
  } | null;
  readonly throughput: {
    readonly tokensPerSecond: number;
    readonly bytesPerSecond: number;
    readonly setupSeconds: number;
  } | null;
  /** What a production stream would come to at that rate. `coveredShare`: 0 … 1. */
  readonly production: {
    readonly streamBytes: number;
    readonly budgetSeconds: number;
    readonly coveredShare: number;
  } | null;
};

type Completed = SubmissionEventData<'AttemptCompleted'>;

/** From a submission's history, and the manifest of its score run where it was completed. */
export function scoreReport(history: readonly SubmissionEvent[], manifest: RunManifest | null): ScoreReport {
  const completed = scoreAttempt(history);
  const measured = completed === null || manifest === null ? null : { completed, manifest };
  const throughput = measured === null ? null : throughputOf(measured.completed, measured.manifest);
  return {
    ...verdictOf(history),
    score: completed === null ? null : scoreOf(completed, last(history, 'ScoreComputed')?.data ?? null),
    throughput,
    production: throughput === null ? null : productionOf(throughput, policySchema.parse({})),
  };
}

type EventOf<Type extends SubmissionEvent['type']> = Extract<SubmissionEvent, { type: Type }>;

/** The newest event of a type. */
export function last<Type extends SubmissionEvent['type']>(
  history: readonly SubmissionEvent[],
  type: Type,
): EventOf<Type> | null {
  return history.findLast((event): event is EventOf<Type> => event.type === type) ?? null;
}

/** The attempt that the score is made of. */
export function scoreAttempt(history: readonly SubmissionEvent[]): Completed | null {
  const runs = history.flatMap((event) =>
    event.type === 'RunRequested' && event.data.purpose === 'score' ? [event.data.run] : [],
  );
  const completed = history.flatMap((event) => (event.type === 'AttemptCompleted' ? [event.data] : []));
  return completed.findLast(({ run }) => runs.includes(run)) ?? null;
}

function verdictOf(history: readonly SubmissionEvent[]): Pick<ScoreReport, 'verdict' | 'reason' | 'findings'> {
  const findings = last(history, 'GateFailed')?.data.findings ?? [];
  const rejected = last(history, 'SubmissionRejected')?.data;
  if (rejected !== undefined)
    return { verdict: 'rejected', reason: { code: rejected.reason, message: rejected.message, where: null }, findings };
  const failed = last(history, 'SubmissionFailed')?.data;
  if (failed !== undefined) {
    const { reason, message, where } = failed;
    return { verdict: 'failed', reason: { code: reason, message, where }, findings };
  }
  const held = last(history, 'SubmissionHeld')?.data;
  if (held !== undefined)
    return { verdict: 'held', reason: { code: held.source, message: held.reason, where: null }, findings };
  return { verdict: 'completed', reason: null, findings };
}

function scoreOf(
  { measurement, examination }: Completed,
  scored: SubmissionEventData<'ScoreComputed'> | null,
): ScoreReport['score'] {
  const { streamBytes, coveredBytes, uncoveredBytes, stoppedByClock, baselineMicroNats } = measurement;
  return {
    bitsPerByte: bitsPerByte(measurement),
    blindBpb: examination?.blind?.bitsPerByte ?? null,
    blindStandardErrorBpb: examination?.blind?.standardErrorBpb ?? null,
    undetectedBpb: examination?.undetectedBpb ?? null,
    baselineBpb:
      baselineMicroNats === null ? null : bitsPerByte({ microNats: baselineMicroNats, uncoveredBytes, streamBytes }),
    chargedBpb: scored?.score.chargedBpb ?? null,
    finalScore: scored?.score.finalScore ?? null,
    heldOut: scored === null ? null : heldOutPart(scored.score),
    ...{ streamBytes, coveredBytes, stoppedByClock },
  };
}

function heldOutPart(score: Score): HeldOutPart {
  const { heldOut, deltaBpb, deltaStandardErrorBpb, gapBpb, gapStandardErrorBpb, penalty } = score;
  return { heldOut, deltaBpb, deltaStandardErrorBpb, gapBpb, gapStandardErrorBpb, penalty };
}

function throughputOf({ measurement }: Completed, { compute }: RunManifest): NonNullable<ScoreReport['throughput']> {
  const { setup, frames, training } = compute.seconds;
  const seconds = frames + training;
  return {
    tokensPerSecond: measurement.predictedTokens / seconds,
    bytesPerSecond: measurement.coveredBytes / seconds,
    setupSeconds: setup,
  };
}

/** Setting up takes its part of the budget. */
function productionOf(
  { bytesPerSecond, setupSeconds }: NonNullable<ScoreReport['throughput']>,
  { streamBytes, limits: { budgetSeconds } }: Policy,
): NonNullable<ScoreReport['production']> {
  const coverable = Math.max(0, budgetSeconds - setupSeconds) * bytesPerSecond;
  return { streamBytes, budgetSeconds, coveredShare: Math.min(1, coverable / streamBytes) };
}

/** Lines for people. */
export function describeReport(report: ScoreReport): string {
  const { verdict, reason, findings, score, throughput, production } = report;
  const lines: (readonly [string, string])[] = [['verdict', verdict]];
  if (reason !== null) {
    lines.push(['reason', `${reason.code}: ${reason.message}`]);
    if (reason.where !== null) lines.push(['where', reason.where]);
  }
  for (const { rule, path, line, explanation } of findings)
    lines.push(['finding', `${[path, line].filter((part) => part !== null).join(':')} ${rule}: ${explanation}`.trim()]);
  if (score !== null) lines.push(...scoreLines(score));
  if (throughput !== null) {
    const { tokensPerSecond, bytesPerSecond, setupSeconds } = throughput;
    const rates = `${Math.round(tokensPerSecond)} tokens a second, ${Math.round(bytesPerSecond)} bytes a second`;
    lines.push(['throughput', `${rates}, after ${rounded(setupSeconds)} s of setting up`]);
  }
  if (production !== null) {
    const { streamBytes, budgetSeconds, coveredShare } = production;
    const stream = `a stream of ${streamBytes.toExponential()} bytes within ${budgetSeconds} s`;
    lines.push(['in production', `${percent(coveredShare)} of ${stream}, at this machine's speed`]);
  }
  return lines.map(([what, text]) => `${what.padEnd(headingColumns)}${indented(text, headingColumns)}`).join('\n');
}

const headingColumns = 15;

function scoreLines(score: NonNullable<ScoreReport['score']>): readonly (readonly [string, string])[] {
  const { blindBpb, blindStandardErrorBpb, undetectedBpb, baselineBpb, streamBytes, coveredBytes } = score;
  const blind = blindBpb === null ? 'too few decoys' : `${rounded(blindBpb)} ± ${rounded(blindStandardErrorBpb)}`;
  const heldOut = score.heldOut === null ? null : heldOutText(score.heldOut);
  const byClock = score.stoppedByClock ? '; the budget was over' : '';
  return [
    ['bits per byte', `${rounded(score.bitsPerByte)}`],
    ['paid blind', blind],
    [
      'could hide',
      undetectedBpb === null ? 'nothing bounds it' : `${rounded(undetectedBpb)}, with a probability of 5 %`,
    ],
    ['counting', baselineBpb === null ? 'not measured' : `${rounded(baselineBpb)}, the referee's own predictor`],
    ...(score.chargedBpb === null
      ? []
      : [
          [
            'charged',
            `${rounded(score.chargedBpb)} with the bundle; final score ${rounded(score.finalScore)}`,
          ] as const,
        ]),
    ...(heldOut === null ? [] : [['held out', heldOut] as const]),
    ['covered', `${percent(coveredBytes / streamBytes)} of ${streamBytes} bytes${byClock}`],
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}
