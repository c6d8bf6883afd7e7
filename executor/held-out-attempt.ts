/**
 * One attempt of a held-out run. Its contestants have seen secret text: nothing that they printed is kept, and what becomes of
 * the attempt is told in words of ours.
 */
import type { HeldOutSide } from '../domain/scoring/held-out.ts';
import type { AttemptResult, PlannedAttempt } from './attempt.ts';
import { outputFolder, readHeldOutDocument, type StoredFile, UnexpectedArchiveError } from './attempt-archive.ts';
import type { ContainerEngine } from './container-engine.ts';
import { openSeats } from './container-pair.ts';
import { type HeldOutReading, readHeldOutResult } from './held-out-result.ts';
import { classify, type Verdict } from './outcome.ts';
import type { HeldOutRunSpec } from './run-spec.ts';
import { superviseInTurn } from './supervise-in-turn.ts';

export type HeldOutPlan = PlannedAttempt & {
  readonly kind: 'heldOut';
  readonly spec: HeldOutRunSpec;
  /** The exported state. */
  readonly state: StoredFile;
};

/** Runs the attempt from the start, whatever is left of an earlier try. Throws as `runAttempt` does. */
export async function runHeldOutAttempt(
  engine: ContainerEngine,
  plan: HeldOutPlan,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const seated = await openSeats(engine, plan.pair, plan, signal);
  const { log: _, ...facts } = await superviseInTurn(engine, seated, { ...plan.supervision, signal });
  const { document, reading, measured } = await collect(engine, seated[0].referee, plan.spec);
  const { previousRefereeDeaths, hasPolicyMemory, engineInterrupted } = plan;
  const verdict = classify({ ...facts, manifest: reading, previousRefereeDeaths, hasPolicyMemory, engineInterrupted });
  const nothing = {
    ...{ measured: null, record: null, cuts: null, commitments: null, keys: null },
    log: new Uint8Array(),
  };
  return { ...nothing, verdict: inOurWords(verdict, plan.spec.heldOut.side), heldOut: measured, manifest: document };
}

type Collected = HeldOutReading & { readonly document: Uint8Array | null };

async function collect(engine: ContainerEngine, referee: string, spec: HeldOutRunSpec): Promise<Collected> {
  const tar = await engine.readArchive(referee, outputFolder);
  try {
    const document = tar === null ? null : await readHeldOutDocument(tar);
    return { document, ...readHeldOutResult(document, spec) };
  } catch (error) {
    if (!(error instanceof UnexpectedArchiveError)) throw error;
    return { document: null, reading: { kind: 'invalid', problem: error.message }, measured: null };
  }
}

const subjects: Readonly<Record<HeldOutSide, string>> = {
  val: 'text that it had never seen',
  train: 'text that its run had released',
};

/** An exit code is eight bits of the contestant's choice. */
function inOurWords(verdict: Verdict, side: HeldOutSide): Verdict {
  if (verdict.kind !== 'submissionFault' && verdict.kind !== 'limitExceeded') return verdict;
  const message =
    verdict.verdict === 'causality'
      ? `Asked blind about ${subjects[side]}, the model doesn't answer as it does when it is shown the rest.`
      : `Asked about ${subjects[side]}, the model didn't get through.`;
  return { ...verdict, where: null, message };
}
