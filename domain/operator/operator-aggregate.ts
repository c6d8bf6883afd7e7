import type { Aggregate, Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import { type OperatorEvent, type OperatorEventData, operatorEventSchemas } from './events.ts';

/** Decisions about the service itself, which belong to no submission, slot or policy. */
export type OperatorState = {
  /** Ids of the events that each projection goes on without, by its name. */
  readonly skippedEvents: ReadonlyMap<string, ReadonlySet<string>>;
};

const initialState: OperatorState = { skippedEvents: new Map() };

function evolve(state: OperatorState, event: OperatorEvent): OperatorState {
  const { projection, eventId } = event.data;
  const skipped = new Set(state.skippedEvents.get(projection)).add(eventId);
  return { ...state, skippedEvents: new Map(state.skippedEvents).set(projection, skipped) };
}

export type OperatorCommand = {
  readonly kind: 'SkipProjectionEvent';
  readonly skip: OperatorEventData<'ProjectionEventSkipped'>;
  /** The events at which living versions of the projection have stopped, as the read models say. */
  readonly poisonIds: readonly string[];
};

function decide(state: OperatorState, { skip, poisonIds }: OperatorCommand): Decision<OperatorEvent> {
  if (hasSkipped(state, skip.projection, skip.eventId)) return [];
  if (!poisonIds.includes(skip.eventId)) {
    return refuse('notPoison', `Projection ${skip.projection} has not stopped at event ${skip.eventId}.`);
  }
  const parsed = operatorEventSchemas.ProjectionEventSkipped.safeParse(skip);
  if (parsed.success) return [{ type: 'ProjectionEventSkipped', data: parsed.data }];
  const [issue] = parsed.error.issues;
  return refuse('unexplained', `A decision needs a name and a reason: ${issue?.path.join('.')}: ${issue?.message}.`);
}

/** Whether an operator has decided that a projection goes on without an event. */
export function hasSkipped({ skippedEvents }: OperatorState, projection: string, eventId: string): boolean {
  return skippedEvents.get(projection)?.has(eventId) ?? false;
}

export const operatorAggregate: Aggregate<OperatorState, OperatorCommand, OperatorEvent> = {
  name: 'operator',
  initialState,
  evolve,
  decide,
};
