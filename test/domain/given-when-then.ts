import { expect } from 'chai';
import type { Aggregate } from '../../domain/aggregate.ts';
import type { Fact } from '../../domain/event.ts';
import { isRejection, type Rejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import type { SubmissionState } from '../../domain/submission/state.ts';
import { permits } from '../../machines/submission-machine.ts';

type Outcome<State, Event> = {
  /** The events, in order, by type and the data that the test names. */
  thenYields(...expected: readonly { readonly type: string; readonly data?: unknown }[]): Outcome<State, Event>;
  thenRefused(reason: Rejection['reason']): void;
  /** Looks at the state that the events lead to. */
  state(look: (state: State) => void): Outcome<State, Event>;
  readonly events: readonly Event[];
};

export type Given<State, Command, Event> = { readonly state: State; when(command: Command): Outcome<State, Event> };

/** Tests of an aggregate in one shape. Events that aren't legal where they stand fail the test. */
export function givenFor<State, Command, Event extends Fact>(
  aggregate: Aggregate<State, Command, Event>,
  isLegal: (state: State, event: Event) => boolean = () => true,
): (...history: readonly Event[]) => Given<State, Command, Event> {
  const fold = (state: State, events: readonly Event[]) =>
    events.reduce((current, event) => {
      expect(isLegal(current, event), `${event.type} in ${JSON.stringify(current)}`).to.equal(true);
      return aggregate.evolve(current, event);
    }, state);

  return (...history) => {
    const state = fold(aggregate.initialState, history);
    return {
      state,
      when(command) {
        const decision = aggregate.decide(state, command);
        const events = isRejection(decision) ? [] : decision;
        const after = fold(state, events);
        const outcome: Outcome<State, Event> = {
          events,
          thenYields(...expected) {
            expect(isRejection(decision), JSON.stringify(decision)).to.equal(false);
            expect(events.map(({ type }) => type)).to.deep.equal(expected.map(({ type }) => type));
            expected.forEach(({ data }, index) => {
              if (data !== undefined) expect(events[index]?.data).to.deep.include(data as object);
            });
            return outcome;
          },
          thenRefused(reason) {
            expect(decision).to.include({ kind: 'rejection', reason });
          },
          state(look) {
            look(after);
            return outcome;
          },
        };
        return outcome;
      },
    };
  };
}

export const givenSubmission = givenFor<SubmissionState, SubmissionCommand, SubmissionEvent>(
  submissionAggregate,
  permits,
);
