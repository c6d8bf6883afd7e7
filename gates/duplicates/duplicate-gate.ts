import type { Readable } from 'node:stream';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { BlobSink, Blobs } from '../../domain/ports/blobs.ts';
import type { BundleReader } from '../../domain/ports/bundles.ts';
import type { Inspector } from '../../domain/ports/inspector.ts';
import type { IndexedWork, SourceIndex } from '../../domain/ports/source-index.ts';
import { type Comparison, type Finding, type Sketch, sketchKeysLimit } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { readModules } from '../read-modules.ts';
import { behavingAlike, behaviourFindings } from './behaving.ts';
import type { Examples } from './examples.ts';
import { judgeLikeness, type Opinion } from './judge.ts';
import { type ComparedWork, comparedWork } from './likeness.ts';
import { reachedBy } from './reachable.ts';
import { decodeWork, encodeWork, unionOf } from './shingle-set.ts';
import { sketchKeys, sketchVersion } from './sketch.ts';

/** Changes whenever the gate may judge the same works differently; recorded with every verdict. */
export const duplicateGateVersion = 'duplicate/4';

/** So many works are compared by their whole sets, of others' earlier ones, their later ones, and one's own. */
const mostCompared = 16;

/** The index lags behind the sketch that it is asked about, or its blob isn't there yet: our fault, and no verdict. */
export class SourceIndexBehindError extends Error {
  override readonly name = 'SourceIndexBehindError';
}

export type DuplicateGateDeps = {
  readonly readBundle: BundleReader;
  readonly inspector: Inspector;
  readonly blobs: Pick<Blobs, 'open'> & BlobSink;
  readonly index: SourceIndex;
  readonly examples: () => Promise<Examples>;
};

export type DuplicateGateAnswer =
  | { readonly kind: 'sketched'; readonly sketch: Sketch }
  | {
      readonly kind: 'passed';
      readonly gateVersion: string;
      readonly findings: readonly Finding[];
      readonly evidence: null;
      readonly comparison: Comparison;
    }
  | {
      readonly kind: 'failed';
      readonly gateVersion: string;
      readonly findings: readonly Finding[];
      readonly evidence: null;
      readonly comparison: Comparison;
    }
  | { readonly kind: 'held'; readonly reason: string; readonly comparison: Comparison };

/**
 * Asked twice. First the work is sketched, and its sketch recorded; then, once the index has it, it is compared with what the index finds. So of two copies that are
 * judged at the same time at least one is found: whichever was sketched later reads an index that has the other one. The verdict follows from the
 * sketches and the log up to `asOfPosition`. Throws `SourceIndexBehindError` while the index lags.
 */
export function duplicateGate(
  deps: DuplicateGateDeps,
): (state: LivingState, policy: ActivePolicy) => Promise<DuplicateGateAnswer> {
  return async (state, { policy }) => {
    const isSketched = state.phase === 'gate' && state.sketchVersion === sketchVersion;
    return isSketched ? compare(deps, state, policy.duplicates) : sketch(deps, state);
  };
}

async function sketch(
  { readBundle, inspector, blobs, examples }: DuplicateGateDeps,
  { identity, contract }: LivingState,
): Promise<DuplicateGateAnswer> {
  if (contract === null) throw new Error('the duplicate gate comes after the contract is resolved');
  const modules = await readModules(await readBundle(identity.bundle.sha256), inspector);
  const [architecture, training] = [reachedBy(contract.architecture, modules), reachedBy(contract.training, modules)];
  const work = { architecture: unionOf(architecture.values), training: unionOf(training.values) };
  const definitions = [...architecture.definitions, ...training.definitions];
  const keys = sketchKeys(contract, work, definitions, (await examples()).shingles);
  // The sets are durable before the event that names them.
  const shingles = await blobs.put(encodeWork(work));
  return { kind: 'sketched', sketch: { sketchVersion, keys: [...keys], shingles } };
}

async function compare(
  { index, blobs, examples }: DuplicateGateDeps,
  { identity: { submissionId }, originals }: LivingState,
  thresholds: { readonly copyAt: number; readonly candidateAt: number },
): Promise<DuplicateGateAnswer> {
  const { own, others, asOfPosition } = index.lookUp(submissionId, mostCompared);
  if (own?.sketchVersion !== sketchVersion) {
    throw new SourceIndexBehindError(`the index at ${asOfPosition} doesn't have the sketch of ${submissionId}`);
  }
  const shipped = await examples();
  const [asking, ...compared] = await Promise.all([own, ...others].map((work) => withSets(work, blobs, shipped)));
  if (asking === undefined) throw new SourceIndexBehindError(`the sets of ${submissionId} are missing`);
  const released = new Set(originals.filter(({ isDecided }) => isDecided).map((original) => original.submissionId));
  const opinion = judgeLikeness(asking, compared, shipped, thresholds, released);
  const { verdict, findings, doubt, likenesses, copies } = isKnownWhole(asking, own.keys) ? opinion : doubted(opinion);
  const alike = behavingAlike(asking, compared);
  const comparison = {
    ...{ gateVersion: duplicateGateVersion, sketchVersion, examples: shipped.digest, asOfPosition },
    ...{ compared: compared.length, verdict, likenesses: [...likenesses], copies: [...copies] },
    behavingAlike: [...alike],
  };
  if (verdict === 'held') return { kind: verdict, reason: doubt ?? '', comparison };
  const shown = verdict === 'passed' ? behaviourFindings(alike) : findings;
  return { kind: verdict, gateVersion: duplicateGateVersion, findings: shown, evidence: null, comparison };
}

/** Beyond a sample of its shingles, or as many keys as a sketch has, an earlier work could be hidden in it. */
function isKnownWhole({ sets: { architecture, training } }: ComparedWork, keys: number): boolean {
  return keys < sketchKeysLimit && Math.min(architecture.known, training.known) === Number.POSITIVE_INFINITY;
}

function doubted(opinion: Opinion): Opinion {
  if (opinion.verdict !== 'passed') return opinion;
  const doubt =
    'It has more code that can run than the gate compares as a whole: an earlier work could be hidden in it.';
  return { ...opinion, verdict: 'held', doubt };
}

async function withSets(work: IndexedWork, blobs: Pick<Blobs, 'open'>, examples: Examples): Promise<ComparedWork> {
  return comparedWork(work, decodeWork(await bytesOf(await blobs.open(work.shingles))), examples);
}

/** By events: an iterator over a stream costs more than the few kilobytes that a work has. */
function bytesOf(content: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    content.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    content.once('end', () => resolve(Buffer.concat(chunks)));
    content.once('error', reject);
    content.once('close', () => {
      if (!content.readableEnded) reject(new Error('the stream of a blob was closed before its end'));
    });
  });
}
