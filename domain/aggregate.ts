import type { Fact } from './event.ts';
import type { Rejection } from './rejection.ts';

/** What `decide` yields: facts (none: it is already so), or a refusal. */
export type Decision<Event extends Fact> = readonly Event[] | Rejection;

/** An aggregate as one value, so that the load-decide-append loop is written once. */
export type Aggregate<State, Command, Event extends Fact> = {
  readonly name: string;
  readonly initialState: State;
  /** Never decides, never throws. */
  evolve(state: State, event: Event): State;
  /** Exhaustive and idempotent. */
  decide(state: State, command: Command): Decision<Event>;
};
