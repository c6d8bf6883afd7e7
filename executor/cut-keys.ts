/**
 * Everything that is drawn from the cut secret (gpu-runner/PROTOCOL.md): 32 bytes of the operating system's randomness that never leave the
 * executor. What is derived is the same on every host and in every attempt, so that nobody can draw again.
 */
import { createHmac } from 'node:crypto';

function derived(cutSecret: Uint8Array, ...name: readonly string[]): Buffer {
  return createHmac('sha256', cutSecret).update(name.join(':')).digest();
}

/** Places and draws the decoys of a run: one key a run, revealed in the event that ends it. */
export function cutKeyOf(cutSecret: Uint8Array, submissionId: string, run: string): Uint8Array {
  return derived(cutSecret, submissionId, run);
}

/** Chooses the scored rows where not all are: one key a submission, so that a rerun scores the same rows. */
export function rowKeyOf(cutSecret: Uint8Array, submissionId: string): Uint8Array {
  return derived(cutSecret, submissionId, 'rows');
}

/** A submission's draw for the sample of reruns, in [0, 1): the first 48 bits. */
export function lotOf(cutSecret: Uint8Array, submissionId: string): number {
  return derived(cutSecret, submissionId, 'lot').readUIntBE(0, 6) / 2 ** 48;
}
