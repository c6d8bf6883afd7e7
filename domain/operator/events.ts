import { z } from 'zod';

/** Bound, in UTF-16 units, of an operator's name and of a reason. */
export const operatorTextLimit = 2_000;

/** Says something: an empty name or reason would be a silent edit. */
const saidSchema = z.string().trim().min(1).max(operatorTextLimit);

const dataSchemas = {
  ProjectionEventSkipped: z.strictObject({
    projection: z.string().min(1),
    /** The event that the projection goes on without, in every version of it. */
    eventId: z.uuid(),
    operator: saidSchema,
    reason: saidSchema,
  }),
};

export type OperatorEventType = keyof typeof dataSchemas;
export type OperatorEvent = {
  [Type in OperatorEventType]: { readonly type: Type; readonly data: z.infer<(typeof dataSchemas)[Type]> };
}[OperatorEventType];
export type OperatorEventData<Type extends OperatorEventType> = z.infer<(typeof dataSchemas)[Type]>;

export const operatorEventSchemas = dataSchemas;

export const operatorStream = 'operator';
