/**
 * Reads what the referee left behind: the one place where its files become measurements.
 *
 * The referee is trusted, its disk and our transfer of it less so: every number that follows from others is recomputed,
 * and provenance must be what was asked. A file that fails is our fault (`manifestInvalid`), never the contestant's.
 */
import { sha256Hex } from '../domain/blob-digest.ts';
import { type Examination, examine, type TestBounds } from '../domain/integrity/examination.ts';
import { type ManifestFacts, measure, step0Of } from '../domain/integrity/measure.ts';
import type { DecoyFrame, RunCuts, RunRecord } from '../domain/integrity/record.ts';
import { type Committed, type EarlierAttempt, heldAgainst } from '../domain/integrity/retry.ts';
import type { BlobReference } from '../domain/ports/blobs.ts';
import { isStep0Anomalous } from '../domain/scoring/score.ts';
import type { Measurement, SeedAudit } from '../domain/submission/events.ts';
import type { AttemptFiles } from '../domain/submission/replay.ts';
import { tokenizerName } from '../domain/tokenizer.ts';
import type { ManifestReading } from './outcome.ts';
import { checkProvenance, mustBe, platformDigest, problemOf } from './provenance.ts';
import { InvalidFileError, readJson } from './read-json.ts';
import { checkCuts, cutsIn, cutsSchema } from './run-cuts.ts';
import { parseManifest, type RunManifest } from './run-manifest.ts';
import { checkRecord, recordSchema } from './run-record.ts';
import type { RunSpec } from './run-spec.ts';

/** A completed attempt: its raw measurements, how it was examined, and where they hold. */
export type Measured = {
  readonly measurement: Measurement;
  readonly examination: Examination;
  readonly earlierAttempts: readonly EarlierAttempt[];
  readonly state: BlobReference | null;
  readonly seedAudit: SeedAudit | null;
  readonly runnerDigest: string;
  readonly platform: string;
};
export type ManifestResult = { readonly reading: ManifestReading; readonly measured: Measured | null };

/** The referee's files; null stands for one that isn't there. */
export type RefereeFiles = {
  readonly manifest: Uint8Array | null;
  readonly record: Uint8Array | null;
  readonly cuts: Uint8Array | null;
  /** There are cuts, in a document above `cutsLimitBytes`, which isn't read. */
  readonly cutsAreTooLarge?: boolean;
};

/** What was asked for, and must come back. */
export type Asked = Pick<
  RunSpec,
  | 'submissionId'
  | 'run'
  | 'purpose'
  | 'attempt'
  | 'fencingToken'
  | 'codeHash'
  | 'seed'
  | 'runnerDigest'
  | 'dataDigest'
  | 'tokenizersDigest'
  | 'tokenizer'
  | 'streamBytes'
  | 'decoys'
  | 'rows'
  | 'exportState'
>;

/** How to examine what came back. */
export type Examining = {
  readonly bounds: TestBounds;
  /** The run that a rerun repeats. */
  readonly rerunOf: { readonly record: RunRecord; readonly platform: string } | null;
  /** What the run's earlier attempts had committed to when they ended by our fault. */
  readonly committed: readonly (Committed & { readonly platform: string })[];
};

/** Reads and checks the files; `state` is stored already, being too large to be held. Never throws on their account. */
export function readRunFiles(
  files: RefereeFiles,
  asked: Asked,
  examining: Examining,
  state: BlobReference | null = null,
): ManifestResult {
  if (files.manifest === null) return { reading: { kind: 'none' }, measured: null };
  try {
    const manifest = parseManifest(files.manifest);
    checkProvenance(manifest.provenance, asked);
    const { outcome } = manifest;
    if (files.cutsAreTooLarge === true) return { reading: unlikeItsRun(manifest, asked, examining), measured: null };
    if (outcome.kind !== 'completed') {
      if (outcome.kind === 'failed' && outcome.verdict === 'causality') checkConviction(files, manifest, asked);
      return { reading: outcome, measured: null };
    }
    const record = parseRecord(files.record, manifest);
    checkAgainstRecord(manifest, record, asked);
    const cuts = parseCuts(files.cuts, manifest);
    checkCuts(cuts, record, asked.decoys);
    checkAgainstCuts(manifest, cuts, asked);
    checkState(state, manifest, asked);
    return { reading: outcome, measured: { ...toMeasured(manifest, record, cuts, examining), state } };
  } catch (error) {
    return { reading: { kind: 'invalid', problem: problemOf(error) }, measured: null };
  }
}

/**
 * The files of a completed attempt as they were stored, with everything checked again that needs no spec; the cut key is the one that was
 * revealed. Throws where something is wrong with them.
 */
export function readStoredAttempt(files: RefereeFiles, cutKey: string): AttemptFiles {
  if (files.manifest === null) throw new InvalidFileError('The run has no manifest.');
  const manifest = parseManifest(files.manifest);
  const record = parseRecord(files.record, manifest);
  const cuts = parseCuts(files.cuts, manifest);
  checkCuts(cuts, record, { ...cuts, cutKey });
  return { record, cuts, facts: factsOf(manifest) };
}

function digested(bytes: Uint8Array | null, digest: string | null, what: string): Uint8Array {
  if (bytes === null || digest === null) throw new InvalidFileError(`The run has no ${what}.`);
  if (sha256Hex(bytes) !== digest) throw new InvalidFileError(`The ${what}'s digest is not the manifest's.`);
  return bytes;
}

function parseRecord(bytes: Uint8Array | null, { recordDigest }: RunManifest): RunRecord {
  const record = recordSchema.parse(readJson(digested(bytes, recordDigest, 'record'), 'record'));
  checkRecord(record);
  return record;
}

function parseCuts(bytes: Uint8Array | null, { cutsDigest }: RunManifest): RunCuts {
  return cutsSchema.parse(readJson(digested(bytes, cutsDigest, 'cuts'), 'cuts'));
}

/** A stream is cut at a character's boundary: it may have up to three bytes fewer than asked. */
const shortOfStream = 3;

function checkAgainstRecord(manifest: RunManifest, record: RunRecord, asked: Asked): void {
  mustBe('record.codeHash', record.codeHash, asked.codeHash);
  mustBe('record.seed', record.seed, asked.seed);
  mustBe('record.tokenizer', record.tokenizer, tokenizerName(asked.tokenizer));
  mustBe('record.scoredRowFraction', record.scoredRowFraction, asked.rows.fraction);
  const missing = asked.streamBytes - record.streamBytes;
  if (missing < 0 || missing > shortOfStream) {
    throw new InvalidFileError(`record.streamBytes is ${record.streamBytes}, asked were ${asked.streamBytes}`);
  }
  mustBe('metrics.covered_bytes', manifest.metrics.covered_bytes, record.totals.coveredBytes);
  mustBe('metrics.predicted_tokens', manifest.metrics.predicted_tokens, record.totals.predictedTokens);
  mustBe(
    'metrics.sum_neg_log_likelihood_nats',
    Math.round(manifest.metrics.sum_neg_log_likelihood_nats * 1e6),
    record.totals.microNats,
  );
  mustBe('anti_cheat.step0_anomaly', manifest.anti_cheat.step0_anomaly, isStep0Anomalous(step0Of(record)));
  mustBe('the curve', manifest.metrics.covered_bytes_cumulative.length, manifest.metrics.online_loss.length);
  if (manifest.xzBytes === 0) throw new InvalidFileError('xzBytes is 0');
}

/** The manifest's sums are those of the cuts. */
function checkAgainstCuts({ anti_cheat }: RunManifest, cuts: RunCuts, { decoys }: Asked): void {
  const total = (of: (frame: DecoyFrame) => readonly number[]) =>
    cuts.frames.reduce((sum, frame) => of(frame).reduce((added, cost) => added + cost, sum), 0);
  const stated = anti_cheat.blind_mean;
  mustBe('blind_mean.frames', stated?.frames, cuts.frames.length);
  mustBe(
    'blind_mean.cuts',
    stated?.cuts,
    total(({ cuts: at }) => at.map(() => 1)),
  );
  mustBe(
    'blind_mean.blindMicroNats',
    stated?.blindMicroNats,
    total(({ blind }) => blind),
  );
  mustBe(
    'blind_mean.claimedMicroNats',
    stated?.claimedMicroNats,
    total(({ claimed }) => claimed),
  );
  mustBe(
    'blind_mean.baselineMicroNats',
    stated?.baselineMicroNats,
    total(({ baseline }) => baseline),
  );
  mustBe('causality.cuts', anti_cheat.causality?.cuts, stated?.cuts);
  mustBe('causality.exceeding', anti_cheat.causality?.exceeding, exceedingIn(cuts, decoys).length);
}

/**
 * A rerun is asked for no more cuts than can be written down of batches like its run's (`recordableFrames`). One that took more of them than such batches have,
 * to the end of the stream if need be, has taken others. Throws `InvalidFileError` for any other run: its limit is policy's to keep.
 */
function unlikeItsRun({ anti_cheat }: RunManifest, { decoys }: Asked, { rerunOf }: Examining): ManifestReading {
  const stated = anti_cheat.blind_mean?.cuts ?? 0;
  if (rerunOf === null || stated <= cutsOfWholeStream(rerunOf.record, decoys)) {
    throw new InvalidFileError('The cuts are more than can be read.');
  }
  const message =
    'It took other batches than in the run that this one repeats, with more cuts than can be written down.';
  return { kind: 'failed', verdict: 'contract', where: null, message };
}

/** A run that its clock has stopped may get further another time. */
function cutsOfWholeStream(record: RunRecord, decoys: Asked['decoys']): number {
  return cutsIn(record, decoys) * (record.streamBytes / Math.max(1, record.totals.coveredBytes));
}

/** A state that was asked for is there; a scored run's is stored, a rerun's is the referee's word. */
function checkState(state: BlobReference | null, { stateDigest, export: exported }: RunManifest, asked: Asked): void {
  mustBe('a state was exported', exported !== null && stateDigest !== null, asked.exportState);
  if (!asked.exportState || asked.purpose !== 'score') return;
  mustBe('the stored state', state?.sha256, stateDigest);
  mustBe('the size of the stored state', state?.bytes, exported?.bytes);
}

/** The batches of all cuts above the bound of equality. */
function exceedingIn({ frames }: RunCuts, { equalityBoundMicroNats }: Asked['decoys']): readonly number[] {
  return frames.flatMap(({ batch, largest }) =>
    largest.filter((difference) => difference > equalityBoundMicroNats).map(() => batch),
  );
}

/** Nobody is convicted without the evidence: exceeding cuts of two batches. */
function checkConviction(files: RefereeFiles, manifest: RunManifest, asked: Asked): void {
  const exceeding = exceedingIn(parseCuts(files.cuts, manifest), asked.decoys);
  mustBe('causality.exceeding', manifest.anti_cheat.causality?.exceeding, exceeding.length);
  if (new Set(exceeding).size < 2) throw new InvalidFileError('The cuts show no breach of causality in two batches.');
}

function toMeasured(
  manifest: RunManifest,
  record: RunRecord,
  cuts: RunCuts,
  { bounds, rerunOf, committed }: Examining,
): Omit<Measured, 'state'> {
  const { runnerDigest } = manifest.provenance;
  const platform = platformDigest(manifest.provenance);
  if (rerunOf !== null) mustBe('the platform of a rerun', platform, rerunOf.platform);
  return {
    measurement: measure(record, factsOf(manifest)),
    examination: examine(record, cuts, bounds, rerunOf?.record ?? null),
    earlierAttempts: committed
      .filter((earlier) => earlier.platform === platform)
      .map((earlier) => heldAgainst(record, earlier)),
    seedAudit: manifest.anti_cheat.seed_audit,
    runnerDigest,
    platform,
  };
}

function factsOf({ xzBytes, stoppedByClock, deterministic, compute }: RunManifest): ManifestFacts {
  const { parameters, seconds } = compute;
  return { xzBytes, stoppedByClock, deterministic, parameters, seconds: seconds.total };
}
