import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { smallPolicy } from '../service/service-process.ts';
import type { Group } from './cases.ts';

/** Two hundred batches of 4 · 32 bytes: some fifty of them have a decoy in a run, all of them in a rerun. */
export const streamBytes = 24_576;

/** Weights in the source are tried without the cap that would keep them out. */
const limits = { ...smallPolicy.limits, bundleXzBytes: null };
const withoutReruns = { ...smallPolicy, limits, streamBytes, integrity: { reruns: { mode: 'off' } } } as const;

/** A frame that nobody means to answer is soon given up; one takes a hundredth of a second. */
const promptLimits = { ...limits, frameCpuSeconds: 20, frameSeconds: 20 };

/** What is judged by the clock or by a limit ends soon: who computes by its CPU time, who sleeps by the wall clock. */
const shortLimits = {
  ...limits,
  ...{ pids: 64, frameCpuSeconds: 5, frameSeconds: 10, budgetSeconds: 6, graceSeconds: 2, timeoutSeconds: 40 },
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
