import { z } from 'zod';
import { instantSchema } from '../values.ts';

const fencingToken = z.int().positive();

export const messageLimit = 4_096;

const dataSchemas = {
  SlotRegistered: z.strictObject({
    executor: z.string(),
    device: z.string(),
    deviceClass: z.enum(['cpu', 'gpu']),
    /** CPU set of the slot's containers, in the kernel's notation (`0`, `2-3`). */
    cpuset: z.string(),
    memoryBytes: z.int().positive(),
  }),
  LeaseGranted: z.strictObject({
    submissionId: z.string(),
    run: z.string(),
    attempt: z.int().positive(),
    /** Rises with every grant of this slot: a late writer with an old token is refused. */
    fencingToken,
    deadlineAt: instantSchema,
  }),
  LeaseReleased: z.strictObject({ fencingToken, reason: z.string() }),
  LeaseExpired: z.strictObject({ fencingToken }),
  /** What ran under the lease ended by our fault. `reason` and `message` are the attempt's. */
  SlotFaulted: z.strictObject({ fencingToken, reason: z.string(), message: z.string().max(messageLimit) }),
  /** `operator`: null where the slot's own faults closed it; such a one opens again with its executor's next start. */
  SlotQuarantined: z.strictObject({ operator: z.string().nullable(), reason: z.string() }),
  SlotRestored: z.strictObject({ operator: z.string(), reason: z.string() }),
};

export type SlotEventType = keyof typeof dataSchemas;
export type SlotEvent = {
  [Type in SlotEventType]: { readonly type: Type; readonly data: z.infer<(typeof dataSchemas)[Type]> };
}[SlotEventType];
export type SlotEventData<Type extends SlotEventType> = z.infer<(typeof dataSchemas)[Type]>;

export const slotEventSchemas = dataSchemas;

/** Why an executor frees a slot whose attempt has come to an outcome; every other reason says nothing about the slot. */
export const attemptEnded = 'ended';

export const slotStreamPrefix = 'slot-';
/** Executor names and devices are `[a-z0-9.]+`, so that the stream's name splits only one way. */
export function slotStream(executor: string, device: string): string {
  return `${slotStreamPrefix}${executor}-${device}`;
}
