import { type Examination, examinationVersion } from '../../domain/integrity/examination.ts';
import type { RerunVerdict } from '../../domain/integrity/rerun.ts';
import { type ActivePolicy, type PolicyDraft, policySchema } from '../../domain/policy/policy.ts';
import type { BlobReference } from '../../domain/ports/blobs.ts';
import type { Standings } from '../../domain/ports/standings.ts';
import type { RunOutcome } from '../../domain/run.ts';
import type { HeldOutMeasurement, HeldOutSide } from '../../domain/scoring/held-out.ts';
import { computeScore, type Measured } from '../../domain/scoring/score.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import {
  type Comparison,
  type Finding,
  type GateName,
  gateNames,
  type HoldSource,
  type Likeness,
  type Measurement,
  type ResolvedContract,
  type Review,
  type RunPurpose,
  type Score,
  type Sketch,
  type SubmissionEvent,
  type SubmissionEventData,
  type SubmissionEventType,
} from '../../domain/submission/events.ts';

/** Concrete, valid values for submissions; every test says only what it is about. */

/** An instant, `seconds` after the tests' midnight. */
export function instant(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();
}

export function digest(character: string): string {
  return character.repeat(64);
}

export function blob(character: string): BlobReference {
  return { sha256: digest(character), bytes: 100, keyId: null };
}

/** Most tests are about one run. */
export const withoutReruns: PolicyDraft = { integrity: { reruns: { mode: 'off' } } };

export function activePolicy(draft: PolicyDraft = {}, version = 1): ActivePolicy {
  return { version, policy: policySchema.parse({ ...withoutReruns, ...draft }) };
}

export const owner = 'hotkey-of-alice';
export const receipt: SubmissionEventData<'SubmissionReceived'> = {
  submissionId: 'submission-of-alice',
  hotkey: owner,
  filename: 'bundle.zip',
  codeHash: digest('a'),
  bundle: blob('b'),
  files: 2,
  contentBytes: 1_000,
  metadata: null,
  route: 'bridge',
  receivedAt: instant(0),
  epoch: 7,
  policyVersion: 1,
};

const role = { symbol: 'build_model', files: ['architecture.py'], fingerprint: digest('c') };
export const contract: ResolvedContract = {
  kind: 'full',
  architectureId: null,
  name: 'Example',
  tokenizer: 'bytes',
  architecture: { ...role, entrypoint: 'architecture.py' },
  training: { ...role, entrypoint: 'training.py', symbol: 'train', files: ['training.py'] },
};

export const finding: Finding = {
  rule: 'prism:contract-symbol',
  path: 'training.py',
  line: 3,
  column: 1,
  node: null,
  excerptHash: null,
  explanation: 'train is not callable',
};

/** 2 bits a byte over the covered nine tenths of the stream. */
export const measurement: Measurement = {
  microNats: Math.round(2 * 90_000 * Math.LN2 * 1e6),
  coveredBytes: 90_000,
  uncoveredBytes: 10_000,
  streamBytes: 100_000,
  predictedTokens: 89_992,
  vocab: 256,
  xzBytes: 1_250,
  step0: { microNats: Math.round(5.5e6 * 100), tokens: 100 },
  standardErrorMicroNats: 0,
  baselineMicroNats: Math.round(2.5 * 90_000 * Math.LN2 * 1e6),
  batches: 90,
  longestRowBytes: 64,
  seconds: 100,
  parameters: 10_000,
  stoppedByClock: false,
  deterministic: true,
};

/** Too few decoys for a verdict: what is claimed is what counts. */
export const examination: Examination = {
  version: examinationVersion,
  ...{ frames: 23, cuts: 368, exceedingCuts: 0, largestMicroNats: 0 },
  ...{ blind: null, signed: null, undetectedBpb: null, rerun: null },
};

/** A model that pays blind 0.3 bits a byte more than it claims. */
export const objectionable: Examination = {
  ...examination,
  ...{ frames: 62, cuts: 992, undetectedBpb: 0.28 },
  blind: { bitsPerByte: 2.9, standardErrorBpb: 0.05, excessBpb: 0.3, excessStandardErrors: 6 },
};

/** As cuts see a rerun that came to `verdict`. */
export function rerunExamination(verdict: RerunVerdict): Examination {
  const firstDifferingGroup = verdict === 'nonReproducible' ? 3 : null;
  const rerun = {
    verdict,
    groupsCompared: 88,
    groupsEqual: verdict === 'nonReproducible' ? 80 : 88,
    firstDifferingGroup,
  };
  const exceedingCuts = verdict === 'contradicted' ? 2 : 0;
  return { ...examination, frames: 90, cuts: 1_440, exceedingCuts, undetectedBpb: 0.01, rerun };
}

/** What a score of a measurement is made of; nothing has confirmed it. */
export function unconfirmed(measured: Measurement, examined: Examination = examination): Measured {
  const { blind, undetectedBpb } = examined;
  return { measurement: measured, confirmation: 'unconfirmed', blind, undetectedBpb, heldOut: { kind: 'off' } };
}

export function scoreOf(measured: Measurement, policy = activePolicy()): Score {
  const scored = computeScore(unconfirmed(measured), policy.policy.scoring);
  if (scored.kind === 'unscorable') throw new Error(scored.message);
  return scored.score;
}

export const completedOutcome: Extract<RunOutcome, { kind: 'completed' }> = {
  kind: 'completed',
  record: blob('d'),
  cuts: blob('9'),
  manifest: blob('e'),
  measurement,
  examination,
  earlierAttempts: [],
  keys: { cuts: digest('7'), rows: null },
  ...{ state: null, seedAudit: null },
  runnerDigest: 'sha256:runner',
  platform: digest('f'),
};
/** What a score run leaves where policy has its state measured. */
export const exportedState = blob('5');
export const exportingOutcome: RunOutcome = { ...completedOutcome, state: exportedState };

const estimate = (microBitsPerByte: number) => ({ microBitsPerByte, standardErrorMicroBits: 30_000 });
/** On val 2.7 bits a byte, 4 better than its twin; on released text 2.5. */
export function heldOutMeasurement(side: HeldOutSide): HeldOutMeasurement {
  const shared = { side, stateDigest: exportedState.sha256, documents: 20, bytes: 65_000, tokens: 65_000 };
  return side === 'val'
    ? { ...shared, trained: estimate(2_700_000), twin: estimate(6_700_000), delta: estimate(4_000_000), cuts: 4_096 }
    : { ...shared, trained: estimate(2_500_000), twin: null, delta: null, cuts: 0 };
}
export function heldOutOutcome(side: HeldOutSide = 'val'): Extract<RunOutcome, { kind: 'heldOutMeasured' }> {
  const made = { runnerDigest: 'sha256:runner', platform: digest('f') };
  return { kind: 'heldOutMeasured', result: blob('6'), measurement: heldOutMeasurement(side), ...made };
}

export const crashOutcome: Extract<RunOutcome, { kind: 'submissionFault' | 'limitExceeded' }> = {
  kind: 'submissionFault',
  verdict: 'exception',
  where: 'training.py:7',
  message: 'ZeroDivisionError',
  log: null,
  manifest: null,
  cuts: null,
  keys: null,
};
export function rerunOutcome(verdict: RerunVerdict): RunOutcome {
  return { ...completedOutcome, record: blob('8'), examination: rerunExamination(verdict) };
}
export const ourFault = {
  kind: 'infrastructureFault',
  reason: 'refereeLost',
  message: 'the referee is gone',
  log: null,
  commitments: null,
} as const;

export function fact<Type extends SubmissionEventType>(
  type: Type,
  data: SubmissionEventData<Type>,
): Extract<SubmissionEvent, { type: Type }> {
  return { type, data } as Extract<SubmissionEvent, { type: Type }>;
}

/** The attempt's token is its number: tokens rise with every lease. */
export function attemptKey(run: string, attempt: number) {
  return { run, attempt, fencingToken: attempt };
}

const place = { slot: 'slot-host-cpu0', executor: 'host', device: 'cpu0', deviceClass: 'cpu' } as const;

export const received = fact('SubmissionReceived', receipt);
export const review: Review = {
  ...{ gateVersion: 'llm/1', model: 'a-model', promptVersion: 'review/1', verdict: 'held', doubts: ['suspicious'] },
  ...{ requests: 2, transcript: blob('6') },
};
export const sketch: Sketch = { sketchVersion: 'sketch/1', keys: ['00aa00bb00cc'], shingles: blob('9') };
export const sketched = fact('SourceSketched', { ...sketch, policyVersion: 1 });

export const likeness: Likeness = {
  ...{ submissionId: 'another', received: 'earlier', compared: 'whole', exact: false },
  ...{ similarity: 0.7, contained: 0.9 },
};
export const comparison: Comparison = {
  ...{ gateVersion: 'duplicate/1', sketchVersion: 'sketch/1', examples: digest('8'), asOfPosition: 4, compared: 3 },
  ...{ verdict: 'passed', likenesses: [likeness], copies: [], behavingAlike: [] },
};
export const compared = fact('SourceCompared', { ...comparison, policyVersion: 1 });

export const reviewed = fact('SubmissionReviewed', { ...review, policyVersion: 1 });
export const contractResolved = fact('ContractResolved', { contract, gateVersion: 'contract-1', policyVersion: 1 });
export function gateSkipped(gate: GateName) {
  return fact('GateSkipped', { gate, reason: 'switched off in policy 1', policyVersion: 1 });
}
export function runRequested(run: string, purpose: RunPurpose) {
  const why = { rule: 'everySubmission', comparedScore: null, asOfPosition: null };
  return fact('RunRequested', { run, purpose, ...why, policyVersion: 1 });
}
export function attemptStarted(run: string, attempt: number) {
  return fact('AttemptStarted', { ...attemptKey(run, attempt), ...place, deadlineAt: instant(2_000) });
}
export function attemptCompleted(run: string, attempt: number) {
  const { kind: _, ...measured } = completedOutcome;
  return fact('AttemptCompleted', { ...attemptKey(run, attempt), ...measured });
}
export function heldOutMeasured(run: string, attempt: number, side: HeldOutSide = 'val') {
  const { kind: _, ...measured } = heldOutOutcome(side);
  return fact('HeldOutMeasured', { ...attemptKey(run, attempt), ...measured });
}
export function attemptFailed(run: string, attempt: number) {
  const theirs = { verdict: 'exception', where: 'training.py:7', message: 'ZeroDivisionError' } as const;
  const evidence = { log: null, manifest: null, cuts: null, keys: null };
  return fact('AttemptFailed', { ...attemptKey(run, attempt), ...theirs, ...evidence });
}
export function attemptAborted(run: string, attempt: number) {
  const ours = { reason: 'refereeLost', message: 'the referee is gone', log: null, commitments: null };
  return fact('AttemptAborted', { ...attemptKey(run, attempt), ...ours, countsAgainstRun: true });
}
export function runConcluded(
  run: string,
  conclusion: 'measured' | 'failed' | 'exhausted' = 'measured',
  verdict: RerunVerdict | null = null,
) {
  return fact('RunConcluded', { run, conclusion, verdict });
}
export function held(holdId: string, source: HoldSource, expiresAt = instant(86_400)) {
  return fact('SubmissionHeld', { holdId, source, reason: 'looks odd', operator: null, expiresAt, copyOf: null });
}
export const originalFound = fact('OriginalFound', {
  ...{ original: 'original', exact: false, similarity: 0.98, holdSeconds: 86_400 },
});
export function heldAsCopy(holdId: string, source: 'duplicate' | 'audit' = 'duplicate') {
  const { data } = held(holdId, source);
  return fact('SubmissionHeld', { ...data, copyOf: originalFound.data.original });
}
export function resolved(holdId: string, resolution: 'release' | 'reject') {
  return fact('HoldResolved', { holdId, resolution, operator: 'olga', reason: 'looked at it' });
}

/** Histories up to a well-known place. */
export const queued: readonly SubmissionEvent[] = [
  received,
  contractResolved,
  ...gateNames.slice(1).map((gate) => gateSkipped(gate)),
];
export const waiting: readonly SubmissionEvent[] = [...queued, runRequested('score', 'score')];
export const measuring: readonly SubmissionEvent[] = [...waiting, attemptStarted('score', 1)];
export const scoring: readonly SubmissionEvent[] = [...measuring, attemptCompleted('score', 1), runConcluded('score')];
export const exporting: readonly SubmissionEvent[] = [
  ...measuring,
  fact('AttemptCompleted', { ...attemptCompleted('score', 1).data, state: exportedState }),
  runConcluded('score'),
];
export const measuredOnBothSides: readonly SubmissionEvent[] = [
  ...exporting,
  ...[runRequested('heldOut', 'heldOut'), runRequested('heldOutTrain', 'heldOut')],
  ...[attemptStarted('heldOut', 1), attemptStarted('heldOutTrain', 1)],
  ...[heldOutMeasured('heldOut', 1), runConcluded('heldOut')],
  ...[heldOutMeasured('heldOutTrain', 1, 'train'), runConcluded('heldOutTrain')],
];
export const completed: readonly SubmissionEvent[] = [
  ...scoring,
  fact('ScoreComputed', { run: 'score', score: scoreOf(measurement), policyVersion: 1 }),
  fact('AttributionDecided', { decision: 'none', reason: 'none', policyVersion: 1 }),
  fact('SubmissionCompleted', { finalScore: scoreOf(measurement).finalScore, deviceClass: 'cpu' }),
];

/** Commands. */
export function recordGate(gate: GateName, result: Extract<SubmissionCommand, { kind: 'RecordGate' }>['result']) {
  return { kind: 'RecordGate', gate, result, policyVersion: 1 } as const;
}
export function requestRun(run: string, purpose: RunPurpose) {
  return { kind: 'RequestRun', ...runRequested(run, purpose).data } as const;
}
export function startAttempt(run: string, attempt: number, slot: string = place.slot) {
  return { kind: 'StartAttempt', ...attemptStarted(run, attempt).data, slot } as const;
}
export function recordOutcome(run: string, attempt: number, outcome: RunOutcome, attemptsPerRun = 3) {
  const policy = activePolicy({ attemptsPerRun });
  return { kind: 'RecordOutcome', ...attemptKey(run, attempt), outcome, policy, now: instant(1_000) } as const;
}
export function hold(holdId: string, source: HoldSource, operator: string | null = null) {
  return { kind: 'Hold', holdId, source, reason: 'looks odd', operator, expiresAt: instant(86_400) } as const;
}
export const recordOriginal = { kind: 'RecordOriginal', ...originalFound.data, now: instant(0) } as const;
export function resolveHold(holdId: string, resolution: 'release' | 'reject') {
  return {
    kind: 'ResolveHold',
    holdId,
    resolution,
    operator: 'olga',
    reason: 'looked at it',
    now: instant(100),
  } as const;
}
export const noStandings: Standings = { champion: null, ofHotkey: null, asOfPosition: 40 };
export function concludeWith(draft: PolicyDraft, standings: Standings = noStandings, lot = 0.5) {
  return { kind: 'Conclude', policy: activePolicy(draft), standings, lot, now: instant(1_000) } as const;
}
export const conclude = concludeWith({});
export function expireHold(holdId: string, seconds: number) {
  return { kind: 'ExpireHold', holdId, policy: activePolicy(), now: instant(seconds) } as const;
}
