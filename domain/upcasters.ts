import type { JsonObject } from './json.ts';

/** Turns the data of one version of an event into the next version's. Pure, and total over what that version could hold. */
export type Upcast = (data: JsonObject) => JsonObject;

/**
 * By event type, the steps from version to version: the first leads from 1 to 2, the next from 2 to 3. A type's newest
 * version is therefore one more than it has steps, and a new version can't be made without saying how old ones read.
 */
export type Upcasters = Readonly<Record<string, readonly Upcast[]>>;

/** Measured before cuts were drawn: nothing is known of how it was examined, nor what the referee's own predictor paid. */
const withoutCuts: Upcast = ({ measurement, ...data }) => ({
  ...data,
  measurement: {
    ...(measurement as JsonObject),
    ...{ standardErrorMicroNats: 0, baselineMicroNats: null, batches: 0, longestRowBytes: 0, seconds: null },
  },
  ...{ cuts: null, examination: null, keys: null },
});

/** Scored before scores had an uncertainty: what was claimed is what counted. */
const withoutUncertainty: Upcast = ({ score, ...data }) => ({
  ...data,
  score: {
    ...(score as JsonObject),
    ...{ standardErrorBpb: 0, blindBpb: null, blindStandardErrorBpb: null, confirmation: 'unconfirmed' },
    ...{ countedBpb: (score as JsonObject).bitsPerByte ?? 0, undetectedBpb: null, baselineBpb: null },
  },
});

/** Found before findings were about nodes of a tree. */
const withoutNodes: Upcast = ({ findings, ...data }) => ({
  ...data,
  findings: (findings as readonly JsonObject[]).map((finding) => ({ ...finding, node: null, excerptHash: null })),
});

/** Measured before states were exported, models audited, and aborted attempts held against the next; examined by the first arithmetic. */
const withoutState: Upcast = ({ examination, ...data }) => ({
  ...data,
  examination: examination === null ? null : { ...(examination as JsonObject), version: 1 },
  ...{ state: null, seedAudit: null, earlierAttempts: [] },
});

/** Scored before there was a held-out measure. */
const withoutHeldOut: Upcast = ({ score, ...data }) => ({
  ...data,
  score: {
    ...(score as JsonObject),
    ...{ heldOut: 'off', heldOutBpb: null, deltaBpb: null, deltaStandardErrorBpb: null },
    ...{ gapBpb: null, gapStandardErrorBpb: null },
  },
});

/** A frame's limit was one of the wall clock, and is now one of CPU time as well; bundles weren't capped by their xz size. */
function asLimitedBefore(limits: JsonObject | undefined): JsonObject {
  const frameSeconds = limits?.frameSeconds ?? 120;
  return { ...limits, frameSeconds, frameCpuSeconds: frameSeconds, bundleXzBytes: null };
}

/**
 * Applied whenever an event is read, after its bytes were verified: what is stored, hashed and exported stays as it was
 * written.
 */
export const upcasters: Upcasters = {
  AttemptAborted: [(data) => ({ ...data, commitments: null, countsAgainstRun: true })],
  AttemptCompleted: [withoutCuts, withoutState],
  AttemptFailed: [(data) => ({ ...data, cuts: null, keys: null })],
  GateFailed: [withoutNodes],
  GatePassed: [(data) => ({ ...data, findings: [] }), (data) => ({ ...data, behaviour: null })],
  RunConcluded: [(data) => ({ ...data, verdict: null })],
  ScoreComputed: [withoutUncertainty, withoutHeldOut],
  ScoreRecomputed: [withoutUncertainty, withoutHeldOut],
  /** Sketches of fewer keys read as they are. */
  SourceSketched: [(data) => data],
  SourceCompared: [(data) => ({ ...data, behavingAlike: [] })],
  /** A hold of source `duplicate` at the gate of that name reads as that gate's own. */
  SubmissionHeld: [(data) => ({ ...data, copyOf: null })],
  /** Contracts from before bundles could declare their tokenizer read as they are. */
  ContractResolved: [(data) => data],
  /** Policies from before reruns asked for none. */
  PolicyActivated: [
    ({ policy, ...data }) => ({
      ...data,
      policy: { ...(policy as JsonObject), integrity: { reruns: { mode: 'off' } } },
    }),
    // The gates after the contract could only be off, no rule was in force, and no state was measured on held-out text.
    ({ policy, ...data }) => ({
      ...data,
      policy: {
        ...(policy as JsonObject),
        gates: { static: 'off', parameters: 'off', distributed: 'off', duplicate: 'off', llm: 'off' },
        staticRules: { importRoots: [], off: [] },
        heldOut: { mode: 'off' },
        seedAudit: 'off',
      },
    }),
    // The gates of parameters and of duplicates could only be off, and limits were fewer.
    ({ policy, ...data }) => ({
      ...data,
      policy: {
        ...(policy as JsonObject),
        gates: { ...((policy as JsonObject).gates as JsonObject | undefined), parameters: 'off', duplicate: 'off' },
        limits: asLimitedBefore((policy as JsonObject).limits as JsonObject | undefined),
      },
    }),
  ],
};
