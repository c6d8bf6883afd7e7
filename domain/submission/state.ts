import type { Examination } from '../integrity/examination.ts';
import type { RerunVerdict } from '../integrity/rerun.ts';
import type { EarlierAttempt } from '../integrity/retry.ts';
import type { BlobReference } from '../ports/blobs.ts';
import type { HeldOutMeasurement } from '../scoring/held-out.ts';
import type {
  FailureReason,
  Finding,
  GateName,
  HoldSource,
  Measurement,
  RejectionReason,
  ResolvedContract,
  RunPurpose,
  Score,
} from './events.ts';

/** What a completed attempt left. */
export type Result = {
  readonly deviceClass: 'cpu' | 'gpu';
  readonly measurement: Measurement;
  readonly record: BlobReference;
  readonly cuts: BlobReference | null;
  readonly manifest: BlobReference;
  /** What the model held at the end, where policy has it measured. */
  readonly state: BlobReference | null;
  readonly examination: Examination | null;
  readonly earlierAttempts: readonly EarlierAttempt[];
  readonly platform: string;
};

/** One measurement that the submission needs, and where it stands. */
export type Run = {
  readonly run: string;
  readonly purpose: RunPurpose;
  readonly policyVersion: number;
  /** Number of the newest attempt, 0 before the first, and the token it was leased under. */
  readonly lastAttempt: number;
  readonly lastToken: number | null;
  /** Attempts that ended by our own fault and count. One that doesn't takes back what its slot had failed before in a row. */
  readonly aborted: number;
  /** The slot on which the last attempt that ended by our fault had run. */
  readonly abortedOn: string | null;
} & (
  | { readonly status: 'waiting' }
  | {
      readonly status: 'attempting';
      readonly slot: string;
      readonly deviceClass: 'cpu' | 'gpu';
      readonly deadlineAt: string;
    }
  | ({ readonly status: 'measured' } & Result)
  | { readonly status: 'heldOutMeasured' | 'heldOutConcluded'; readonly heldOut: HeldOutMeasurement }
  | { readonly status: 'failed'; readonly verdict: FailureReason }
  /** `rerunVerdict`: of a rerun alone. */
  | ({ readonly status: 'concluded'; readonly rerunVerdict: RerunVerdict | null } & Result)
  | {
      readonly status: 'concludedWithout';
      readonly conclusion: 'failed' | 'exhausted';
      readonly rerunVerdict: RerunVerdict | null;
    }
);

/** What the submission is, whatever happens to it. */
export type Identity = {
  readonly submissionId: string;
  readonly hotkey: string;
  readonly codeHash: string;
  readonly bundle: BlobReference;
  readonly receivedAt: string;
  readonly epoch: number;
};

/** An earlier work of which a submission is a copy, found after it was judged; decided once an operator has released it. */
export type Original = {
  readonly submissionId: string;
  readonly reason: string;
  readonly holdSeconds: number;
  readonly isDecided: boolean;
};

/** What every phase after the receipt carries. */
export type Life = {
  readonly identity: Identity;
  readonly contract: ResolvedContract | null;
  readonly runs: readonly Run[];
  /** Holds in a row that ended because nobody decided; the second one rejects. A decision, or a gate that passes, ends the row. */
  readonly expiredHolds: number;
  /** An operator released an integrity hold: the blind value is what gets published. */
  readonly publishBlind: boolean;
  /** In the order of their finding. */
  readonly originals: readonly Original[];
};

/** A gate that could not answer: our outage, with the time of the next try. */
export type Deferral = { readonly count: number; readonly reason: string; readonly retryAt: string };

/** The phases a hold may park. */
export type Parkable = Extract<
  LivingState,
  { phase: 'gate' | 'queued' | 'measuring' | 'scoring' | 'attributing' | 'completed' }
>;

export type Hold = {
  readonly holdId: string;
  readonly source: HoldSource;
  readonly reason: string;
  readonly expiresAt: string;
  /** The original that it is about; null for a hold of another kind. */
  readonly copyOf: string | null;
  /** Where a release resumes, and where the first expiry returns to. */
  readonly onRelease: Parkable;
  readonly onExpiry: Parkable;
};

export type SubmissionState = { readonly phase: 'absent' } | LivingState;

export type LivingState = Life &
  (
    | {
        readonly phase: 'gate';
        readonly gate: GateName;
        readonly deferral: Deferral | null;
        /** By which version the source was sketched at this gate; null until then. */
        readonly sketchVersion: string | null;
      }
    | { readonly phase: 'queued' }
    | { readonly phase: 'measuring' }
    | { readonly phase: 'scoring' }
    | { readonly phase: 'attributing'; readonly score: Score }
    | { readonly phase: 'completing'; readonly score: Score }
    | { readonly phase: 'held'; readonly hold: Hold }
    | {
        readonly phase: 'rejecting';
        readonly reason: RejectionReason;
        readonly gate: GateName | null;
        readonly findings: readonly Finding[];
      }
    | { readonly phase: 'completed'; readonly score: Score; readonly voided: boolean }
    | { readonly phase: 'failed'; readonly reason: FailureReason }
    | { readonly phase: 'rejected'; readonly reason: RejectionReason }
  );

export type PublicStatus = 'pending' | 'running' | 'completed' | 'failed' | 'rejected' | 'held';

export const initialState: SubmissionState = { phase: 'absent' };

/** The status that the outside sees is a function of the state (DESIGN.md "Submission life"). */
export function publicStatus(state: LivingState): PublicStatus {
  switch (state.phase) {
    case 'gate':
    case 'queued':
    case 'rejecting':
      return 'pending';
    case 'measuring':
    case 'scoring':
    case 'attributing':
    case 'completing':
      return 'running';
    case 'held':
    case 'completed':
    case 'failed':
    case 'rejected':
      return state.phase;
  }
}
