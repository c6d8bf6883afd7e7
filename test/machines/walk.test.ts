import { expect } from 'chai';
import fc from 'fast-check';
import { transition } from 'xstate';
import { type SubmissionEvent, submissionEventSchemas } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { initialState, publicStatus, type SubmissionState } from '../../domain/submission/state.ts';
import {
  dueIn,
  machineStateOf,
  machineStates,
  permits,
  snapshotOf,
  submissionMachine,
} from '../../machines/submission-machine.ts';
import { sampleEvents } from './sample-events.ts';
import { type Place, stateKey, walk } from './walk.ts';

const fold = (events: readonly SubmissionEvent[]): SubmissionState => events.reduce(evolve, initialState);

const isEnd = ({ phase }: SubmissionState) => phase === 'rejecting' || phase === 'failed';

/** Says which history is meant, short enough to read. */
function named(history: readonly SubmissionEvent[]): string {
  return history.map(({ type, data }) => ('run' in data ? `${type}(${data.run})` : type)).join(' → ');
}

describe('The walk over the submission machine', function () {
  this.timeout(30_000);
  let places: readonly Place[] = [];
  before(() => {
    places = walk();
  });

  it('reaches every state of the machine', () => {
    expect(new Set(places.map(({ snapshot }) => snapshot.value))).to.deep.equal(new Set(machineStates));
    expect(new Set(Object.keys(submissionMachine.states))).to.deep.equal(new Set(machineStates));
  });

  it('takes every event of the catalog', () => {
    const types = places.flatMap(({ steps }) => steps.map(({ event }) => event.type));
    expect(new Set(types)).to.deep.equal(new Set(Object.keys(submissionEventSchemas)));
  });

  it('tries every event of the catalog, with data as it is stored', () => {
    const sample = sampleEvents(initialState);
    expect(new Set(sample.map(({ type }) => type))).to.deep.equal(new Set(Object.keys(submissionEventSchemas)));
    for (const { type, data } of sample) {
      expect(submissionEventSchemas[type].safeParse(data).success, type).to.equal(true);
    }
  });

  it('finds machine and evolve in the same state with the same context after every path', () => {
    for (const { history, snapshot, steps } of places) {
      const state = fold(history);
      expect(machineStateOf(state), named(history)).to.equal(snapshot.value);
      expect(state, named(history)).to.deep.equal(snapshot.context.submission);
      for (const { event, next } of steps) {
        const after = evolve(state, event);
        if (machineStateOf(after) !== next.value || stateKey(after) !== stateKey(next.context.submission)) {
          expect.fail(`${named([...history, event])}: ${stateKey(after)}, but the machine is in ${String(next.value)}`);
        }
      }
    }
  });

  it('finds a folded state as permissive as the state that the machine walked to, for every event', () => {
    for (const { history, snapshot, steps } of places) {
      const permitted = new Set(steps.map(({ event }) => JSON.stringify(event)));
      const folded = snapshotOf(fold(history));
      for (const event of sampleEvents(snapshot.context.submission)) {
        if (folded.can(event) !== permitted.has(JSON.stringify(event))) {
          expect.fail(`${event.type} after ${named(history)}: ${folded.can(event)}`);
        }
      }
    }
  });

  it('leaves nothing to follow on an end', () => {
    const ended = places.filter(({ snapshot }) => snapshot.value === 'failed' || snapshot.value === 'rejected');
    expect(ended).not.to.have.length(0);
    for (const { steps, history } of ended) expect(steps, named(history)).to.have.length(0);
  });

  it('leaves no state without a way on but the ends', () => {
    const stuck = places.filter(({ steps }) => steps.length === 0).map(({ snapshot }) => snapshot.value);
    expect(new Set(stuck)).to.deep.equal(new Set(['failed', 'rejected']));
  });

  it('finds an attempt running only where one may', () => {
    for (const { snapshot, history } of places) {
      const state = snapshot.context.submission;
      const runs = state.phase === 'absent' ? [] : state.runs.filter(({ status }) => status === 'attempting');
      if (runs.length > 0) expect(snapshot.value, named(history)).to.be.oneOf(['measuring', 'completed']);
    }
  });

  it('comes to a score only from a concluded score run', () => {
    for (const { snapshot, history } of places) {
      const { submission } = snapshot.context;
      if (submission.phase !== 'attributing' && submission.phase !== 'completed') continue;
      const run = submission.runs.find(({ purpose }) => purpose === 'score');
      expect(run?.status, named(history)).to.equal('concluded');
    }
  });

  it('names what is due wherever somebody of ours must act next', () => {
    const due = new Map(places.map(({ snapshot }) => [snapshot.value, dueIn(snapshot.context.submission)]));
    const nothingDue = [...due].filter(([, name]) => name === null).map(([state]) => state);
    expect(new Set(nothingDue)).to.deep.equal(new Set(['absent', 'completing', 'rejecting', 'failed', 'rejected']));
    expect(due.get('llm')).to.equal('gate');
    expect(due.get('queued')).to.equal('runs');
    expect(due.get('scoring')).to.equal('conclusion');
    expect(due.get('held')).to.equal('expiry');
  });

  it('has a public status for every state, and no other way back from completed than a hold', () => {
    for (const { snapshot, steps, history } of places) {
      const { submission } = snapshot.context;
      if (submission.phase === 'absent' || publicStatus(submission) !== 'completed') continue;
      for (const { event, next } of steps) {
        const after = next.context.submission;
        if (after.phase === 'absent' || publicStatus(after) === 'completed') continue;
        expect(event.type, named(history)).to.equal('SubmissionHeld');
      }
    }
  });

  it('agrees with evolve on long random paths too, which go round and round', () => {
    const choices = fc.array(fc.nat(), { maxLength: 80 });
    fc.assert(
      fc.property(choices, (picks) => {
        let state: SubmissionState = initialState;
        let snapshot = snapshotOf(state);
        for (const pick of picks) {
          const open = sampleEvents(state).filter((event) => permits(state, event) && !isEnd(evolve(state, event)));
          const event = open[pick % open.length];
          if (event === undefined) break;
          [snapshot] = transition(submissionMachine, snapshot, event);
          state = evolve(state, event);
          expect(snapshot.value).to.equal(machineStateOf(state));
          expect(snapshot.context.submission).to.deep.equal(state);
        }
      }),
      { numRuns: 60 },
    );
  });
});
