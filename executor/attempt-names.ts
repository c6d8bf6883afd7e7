import { deriveId } from '../domain/ids.ts';
import type { AttemptKey } from '../domain/run.ts';

/** Everything that makes an attempt of this service on this slot one of its kind. */
export type AttemptScope = {
  /** Id of the service: two services may share one engine. */
  readonly instance: string;
  /** Stream of the slot: tokens rise per slot, so one attempt granted on two slots may carry the same token. */
  readonly slot: string;
  readonly key: AttemptKey;
};

export type AttemptNames = {
  readonly id: string;
  readonly referee: string;
  readonly contestant: string;
  /** The referee's own volume: inputs and outputs. */
  readonly attemptVolume: string;
  /** The volume with the socket, writable for the referee only. */
  readonly channelVolume: string;
};

/** The contestants of a held-out attempt come one after the other, each to a seat of its own; any other attempt has the first. */
export const seats = [0, 1, 2] as const;
export type Seat = (typeof seats)[number];

/** The same attempt has the same names after a restart: that is what makes adoption possible. */
export function attemptNames(scope: AttemptScope, seat: Seat = 0): AttemptNames {
  const { submissionId, run, attempt, fencingToken } = scope.key;
  const id = deriveId('containers', scope.instance, scope.slot, submissionId, run, attempt, fencingToken);
  const suffix = seat === 0 ? '' : `-${seat}`;
  return {
    id,
    referee: `prism-${id}-referee`,
    contestant: `prism-${id}-contestant${suffix}`,
    attemptVolume: `prism-${id}-attempt`,
    channelVolume: `prism-${id}-channel${suffix}`,
  };
}

export const instanceLabel = 'prism.instance';
export const attemptIdLabel = 'prism.attemptId';
export const roleLabel = 'prism.role';
export const submissionLabel = 'prism.submission';
export const runnerDigestLabel = 'prism.runnerDigest';

/** Labels that let a person, and `reconcile`, say what a container or a volume belongs to. */
export function attemptLabels(scope: AttemptScope, role: string, deadlineAt: string): Record<string, string> {
  const { submissionId, run, attempt, fencingToken } = scope.key;
  return {
    [instanceLabel]: scope.instance,
    [attemptIdLabel]: attemptNames(scope).id,
    [roleLabel]: role,
    'prism.slot': scope.slot,
    [submissionLabel]: submissionId,
    'prism.run': run,
    'prism.attempt': String(attempt),
    'prism.token': String(fencingToken),
    'prism.deadline': deadlineAt,
  };
}
