import type { Examination } from './integrity/examination.ts';
import type { EarlierAttempt } from './integrity/retry.ts';
import type { BlobReference } from './ports/blobs.ts';
import type { HeldOutMeasurement } from './scoring/held-out.ts';
import type { FailureVerdict, Measurement, RevealedKeys, SeedAudit } from './submission/events.ts';

/** What an attempt came to, whose fault first. Only `infrastructureFault` is tried again. */
export type RunOutcome =
  | {
      readonly kind: 'completed';
      readonly record: BlobReference;
      readonly cuts: BlobReference | null;
      readonly manifest: BlobReference;
      readonly measurement: Measurement;
      readonly examination: Examination | null;
      readonly earlierAttempts: readonly EarlierAttempt[];
      readonly keys: RevealedKeys | null;
      readonly state: BlobReference | null;
      readonly seedAudit: SeedAudit | null;
      readonly runnerDigest: string;
      readonly platform: string;
    }
  | {
      readonly kind: 'heldOutMeasured';
      readonly result: BlobReference;
      readonly measurement: HeldOutMeasurement;
      readonly runnerDigest: string;
      readonly platform: string;
    }
  | {
      /** Theirs: their code broke, or it reached a limit that the contract names. */
      readonly kind: 'submissionFault' | 'limitExceeded';
      readonly verdict: FailureVerdict;
      readonly where: string | null;
      readonly message: string;
      readonly log: BlobReference | null;
      readonly manifest: BlobReference | null;
      /** Evidence, where the verdict rests on cuts. */
      readonly cuts: BlobReference | null;
      readonly keys: RevealedKeys | null;
    }
  | {
      readonly kind: 'infrastructureFault';
      /** A short code in camelCase, such as `refereeLost`, `executorRestarted`, `engineUnavailable`. */
      readonly reason: string;
      readonly message: string;
      readonly log: BlobReference | null;
      /** Hashes of the logits that were given until then; null where nothing is known of it. */
      readonly commitments: BlobReference | null;
    };

/** Names one attempt everywhere: effects are keyed by it. */
export type AttemptKey = {
  readonly submissionId: string;
  readonly run: string;
  readonly attempt: number;
  readonly fencingToken: number;
};
