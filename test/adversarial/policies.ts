import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { smallPolicy } from '../service/service-process.ts';
import type { Group } from './cases.ts';

/** Two hundred batches of 4 · 32 bytes: some fifty of them have a decoy in a run, all of them in a rerun. */
export const streamBytes = 24_576;

const withoutReruns = { ...smallPolicy, streamBytes, integrity: { reruns: { mode: 'off' } } } as const;

/** A frame that nobody means to answer is soon given up; one takes a hundredth of a second. */
const promptLimits = { ...smallPolicy.limits, frameSeconds: 20 };

/** What is judged by the clock or by a limit ends soon. */
const shortLimits = {
  ...smallPolicy.limits,
  ...{ pids: 64, frameSeconds: 5, budgetSeconds: 6, graceSeconds: 2, timeoutSeconds: 30 },
};

/** Its states are measured before anything is rerun. */
const withHeldOut: PolicyDraft = {
  ...withoutReruns,
  integrity: { reruns: { mode: 'all' } },
  heldOut: { mode: 'on', valBytes: 8_192, trainBytes: 8_192, cuts: 512, resamples: 100, budgetSeconds: 60 },
};

export const policies: Readonly<Record<Group, PolicyDraft>> = {
  channel: withoutReruns,
  answers: withoutReruns,
  reruns: { ...withoutReruns, limits: promptLimits, integrity: { reruns: { mode: 'all' } } } as PolicyDraft,
  limits: { ...withoutReruns, limits: shortLimits },
  shapes: { ...withoutReruns, streamBytes: 196_608 },
  heldOut: withHeldOut,
};
