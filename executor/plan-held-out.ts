/** What a held-out run asks, read from the files of the run whose state it measures. */
import { buffer } from 'node:stream/consumers';
import type { RunRecord } from '../domain/integrity/record.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { HeldOutSide } from '../domain/scoring/held-out.ts';
import { heldOutEffort } from '../domain/submission/held-out-effort.ts';
import { scoredRun } from '../domain/submission/runs.ts';
import type { LivingState, Result } from '../domain/submission/state.ts';
import type { PlannedAttempt } from './attempt.ts';
import type { HeldOutPlan } from './held-out-attempt.ts';
import { readJson } from './read-json.ts';
import { parseManifest } from './run-manifest.ts';
import { recordSchema } from './run-record.ts';

type Stored = { readonly blobs: Pick<Blobs, 'open'> };

/** Throws where something of the run is lost: our fault, and never the contestant's. */
export async function planHeldOut(
  stored: Stored,
  planned: PlannedAttempt,
  state: LivingState,
  side: HeldOutSide,
  policy: Policy,
): Promise<HeldOutPlan> {
  const scored = scoredRun(state);
  if (scored === undefined || scored.state === null)
    throw new Error(`submission ${state.identity.submissionId} has no exported state to measure`);
  const { sha256: stateDigest, bytes } = scored.state;
  const manifest = parseManifest(await bytesOf(stored, scored.manifest.sha256));
  if (manifest.export === null) throw new Error('the manifest of the score run says nothing of its state');
  const { batchSize, seqLen, released } = manifest.export;
  const { streamTokens } = await storedRecord(stored, scored);
  const { heldOut, integrity } = policy;
  return {
    ...planned,
    kind: 'heldOut',
    state: { bytes, open: () => stored.blobs.open(stateDigest) },
    spec: {
      ...planned.spec,
      heldOut: {
        ...{ side, batchSize, seqLen, tokenBudget: streamTokens, stateDigest },
        bytes: side === 'val' ? heldOut.valBytes : heldOut.trainBytes,
        released: side === 'val' ? [] : released,
        cutKey: planned.spec.decoys.cutKey,
        cuts: heldOutEffort(scored, policy).cuts,
        equalityBoundMicroNats: integrity.equalityBoundMicroNats,
        resamples: heldOut.resamples,
      },
    },
  };
}

/** The record of a run. It was checked when it was stored. */
export async function storedRecord(stored: Stored, { record }: Pick<Result, 'record'>): Promise<RunRecord> {
  return recordSchema.parse(readJson(await bytesOf(stored, record.sha256), 'record'));
}

async function bytesOf({ blobs }: Stored, sha256: string): Promise<Buffer> {
  return buffer(await blobs.open(sha256));
}
