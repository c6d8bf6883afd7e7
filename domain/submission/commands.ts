import type { ActivePolicy } from '../policy/policy.ts';
import type { BlobReference } from '../ports/blobs.ts';
import type { Standings } from '../ports/standings.ts';
import type { RunOutcome } from '../run.ts';
import type {
  Comparison,
  Finding,
  GateName,
  HoldSource,
  ResolvedContract,
  Review,
  RunPurpose,
  Sketch,
  SubmissionEventData,
} from './events.ts';

/**
 * What a gate came to. `deferred` is our outage: the gate stays due. `held` leaves the answer to an operator, and is for gates that are
 * a source of holds. `behaviour`: of the parameters gate alone. `review`: of the LLM gate alone, where a model was asked. `sketched` and `comparison`: of the duplicate gate alone, which
 * is asked again once the sketch is in the index.
 */
export type GateResult =
  | { readonly kind: 'resolved'; readonly contract: ResolvedContract; readonly gateVersion: string }
  | { readonly kind: 'sketched'; readonly sketch: Sketch }
  | {
      readonly kind: 'passed';
      readonly gateVersion: string;
      readonly evidence: BlobReference | null;
      /** What policy only flags. */
      readonly findings?: readonly Finding[];
      readonly behaviour?: string | null;
      readonly review?: Review;
      readonly comparison?: Comparison;
    }
  | {
      readonly kind: 'failed';
      readonly gateVersion: string;
      readonly findings: readonly Finding[];
      readonly evidence: BlobReference | null;
      readonly review?: Review;
      readonly comparison?: Comparison;
    }
  | {
      readonly kind: 'held';
      readonly holdId: string;
      readonly reason: string;
      readonly expiresAt: string;
      readonly review?: Review;
      readonly comparison?: Comparison;
    }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'deferred'; readonly reason: string; readonly retryAt: string };

type AttemptOf = { readonly run: string; readonly attempt: number; readonly fencingToken: number };

/** Imperative; times and ids arrive inside. Times are ISO 8601 UTC. */
export type SubmissionCommand =
  | { readonly kind: 'ReceiveSubmission'; readonly received: SubmissionEventData<'SubmissionReceived'> }
  /** `gate: 'contract'` takes `resolved`, `failed` and `deferred` only; the others take all but `resolved`. */
  | {
      readonly kind: 'RecordGate';
      readonly gate: GateName;
      readonly result: GateResult;
      readonly policyVersion: number;
    }
  | {
      readonly kind: 'RequestRun';
      readonly run: string;
      readonly purpose: RunPurpose;
      readonly rule: string;
      readonly comparedScore: number | null;
      readonly asOfPosition: number | null;
      readonly policyVersion: number;
    }
  | (AttemptOf & {
      readonly kind: 'StartAttempt';
      readonly slot: string;
      readonly executor: string;
      readonly device: string;
      readonly deviceClass: 'cpu' | 'gpu';
      readonly deadlineAt: string;
    })
  /** `policy` is that of the run. `isSlotClosed`: the slot was quarantined for this attempt's fault, or before. */
  | (AttemptOf & {
      readonly kind: 'RecordOutcome';
      readonly outcome: RunOutcome;
      readonly isSlotClosed?: boolean;
      readonly policy: ActivePolicy;
      readonly now: string;
    })
  | (AttemptOf & { readonly kind: 'CancelAttempt'; readonly operator: string; readonly reason: string })
  /**
   * Every run that was asked for is concluded: score, attribute and publish in one transaction; or ask for a rerun first, or hold.
   * `lot` in [0, 1) is the submission's draw for the sample of reruns.
   */
  | {
      readonly kind: 'Conclude';
      readonly policy: ActivePolicy;
      readonly standings: Standings;
      readonly lot: number;
      readonly now: string;
    }
  | {
      readonly kind: 'Hold';
      readonly holdId: string;
      readonly source: HoldSource;
      readonly reason: string;
      readonly operator: string | null;
      readonly expiresAt: string;
    }
  /** An earlier work, judged after this one, is found to be its original. */
  | {
      readonly kind: 'RecordOriginal';
      readonly original: string;
      readonly exact: boolean;
      readonly similarity: number;
      readonly holdSeconds: number;
      readonly now: string;
    }
  | {
      readonly kind: 'ResolveHold';
      readonly holdId: string;
      readonly resolution: 'release' | 'reject';
      readonly operator: string;
      readonly reason: string;
      readonly now: string;
    }
  | { readonly kind: 'ExpireHold'; readonly holdId: string; readonly policy: ActivePolicy; readonly now: string }
  | { readonly kind: 'Withdraw'; readonly hotkey: string }
  | { readonly kind: 'VoidScore'; readonly operator: string; readonly reason: string }
  | { readonly kind: 'RecomputeScore'; readonly reason: string; readonly policy: ActivePolicy };
