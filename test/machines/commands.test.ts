import { expect } from 'chai';
import fc from 'fast-check';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { decide } from '../../domain/submission/decide.ts';
import { type SubmissionEvent, submissionEventSchemas } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { initialState, type SubmissionState } from '../../domain/submission/state.ts';
import { permits } from '../../machines/submission-machine.ts';
import { sampleCommands } from './sample-commands.ts';
import { walk } from './walk.ts';

type Phase = SubmissionState['phase'];

/** The law in words: in which phases a command may come to events. Everywhere else it is refused or already so. */
const fruitful: Record<SubmissionCommand['kind'], readonly Phase[]> = {
  ReceiveSubmission: ['absent'],
  RecordGate: ['gate'],
  RequestRun: ['queued', 'measuring', 'scoring', 'completed'],
  StartAttempt: ['queued', 'measuring', 'completed'],
  RecordOutcome: ['measuring', 'completed'],
  CancelAttempt: ['measuring', 'completed'],
  Conclude: ['scoring'],
  Hold: ['gate', 'queued', 'measuring', 'scoring', 'attributing', 'completed'],
  RecordOriginal: ['gate', 'queued', 'measuring', 'scoring', 'attributing', 'completed', 'held'],
  ResolveHold: ['held'],
  ExpireHold: ['held'],
  Withdraw: ['gate', 'queued'],
  VoidScore: ['completed'],
  RecomputeScore: ['completed'],
};

/** Phases that a transaction passes through; a submission never rests there. */
const inPassing: readonly Phase[] = ['attributing', 'completing', 'rejecting'];

const isEnd = ({ phase }: SubmissionState) => phase === 'rejected' || phase === 'failed';

function eventsOf(state: SubmissionState, command: SubmissionCommand): readonly SubmissionEvent[] {
  const decision = decide(state, command);
  return isRejection(decision) ? [] : decision;
}

/** Folds events as the append does: each is put to the machine and to its schema. Null where all is well. */
function complaint(state: SubmissionState, command: SubmissionCommand): string | null {
  let current = state;
  for (const event of eventsOf(state, command)) {
    const what = `${command.kind} in ${state.phase}: ${event.type} in ${current.phase}`;
    if (!permits(current, event)) return `${what} is not permitted`;
    const parsed = submissionEventSchemas[event.type].safeParse(event.data);
    if (!parsed.success) return `${what} can't be read again: ${parsed.error.message}`;
    current = evolve(current, event);
  }
  return null;
}

function moved(state: SubmissionState, command: SubmissionCommand): SubmissionState {
  return eventsOf(state, command).reduce(evolve, state);
}

describe('Every command in every state of the walk', function () {
  this.timeout(30_000);
  const fruitfulSeen = new Map<string, Set<Phase>>();
  const unlawful = new Set<string>();
  const unsettled = new Set<string>();
  before(() => {
    for (const { snapshot } of walk()) {
      const state = snapshot.context.submission;
      for (const command of sampleCommands(state)) {
        if (eventsOf(state, command).length === 0) continue;
        const { kind } = command;
        fruitfulSeen.set(kind, (fruitfulSeen.get(kind) ?? new Set()).add(state.phase));
        unlawful.add(complaint(state, command) ?? '');
        const [again] = eventsOf(moved(state, command), command);
        if (again !== undefined) unsettled.add(`${kind} in ${state.phase}: again ${again.type}`);
      }
    }
  });

  it('comes to events in exactly the phases that the table names', () => {
    const expected = Object.entries(fruitful).map(([kind, phases]) => [kind, new Set(phases)] as const);
    expect(fruitfulSeen).to.deep.equal(new Map(expected));
  });

  it('yields only events that the machine permits there, one after another, and that can be read again', () => {
    expect([...unlawful]).to.deep.equal(['']);
  });

  it('yields nothing when it is repeated', () => {
    expect([...unsettled]).to.deep.equal([]);
  });
});

/** The first command from the `choice`-th on that moves the submission and doesn't end it; every eighth choice may park it. */
function movingFrom(state: SubmissionState, choice: number): SubmissionCommand | undefined {
  const commands = sampleCommands(state);
  const start = choice % commands.length;
  return [...commands.slice(start), ...commands.slice(0, start)].find(
    (command) =>
      ((command.kind !== 'Hold' && command.kind !== 'RecordOriginal') || choice % 8 === 0) &&
      eventsOf(state, command).length > 0 &&
      !isEnd(moved(state, command)),
  );
}

describe('Any sequence of commands', () => {
  const picks = fc.noBias(fc.array(fc.nat(), { minLength: 60, maxLength: 120 }));

  it('keeps to the law, never throws, and leaves the submission at rest', () => {
    fc.assert(
      fc.property(picks, (choices) => {
        let state: SubmissionState = initialState;
        for (const choice of choices) {
          const commands = sampleCommands(state);
          const command = commands[choice % commands.length];
          if (command === undefined) return;
          expect(complaint(state, command)).to.equal(null);
          state = moved(state, command);
          expect(state.phase).not.to.be.oneOf(inPassing);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('keeps to the law also where every command moves it and none ends it', () => {
    const phases = new Set<Phase>();
    fc.assert(
      fc.property(picks, (choices) => {
        let state: SubmissionState = initialState;
        for (const choice of choices) {
          const command = movingFrom(state, choice);
          if (command === undefined) break;
          expect(complaint(state, command)).to.equal(null);
          state = moved(state, command);
          phases.add(state.phase);
        }
      }),
      { numRuns: 30, seed: 20_260_101 },
    );
    expect([...phases]).to.have.members(['gate', 'queued', 'measuring', 'scoring', 'completed', 'held']);
  });
});
