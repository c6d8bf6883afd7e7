import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import type { Run, SubmissionState } from '../../domain/submission/state.ts';
import { submissionMachine } from '../../machines/submission-machine.ts';
import { sampleEvents } from './sample-events.ts';

/**
 * The walk over the submission machine: every state that the sample events reach, each with one shortest path to it, and
 * every permitted step out of it. A path of the walk is the way to a state and one step more.
 */

type Snapshot = ReturnType<typeof submissionMachine.getInitialSnapshot>;

export type Place = {
  readonly key: string;
  readonly snapshot: Snapshot;
  /** A shortest history that leads here. */
  readonly history: readonly SubmissionEvent[];
  readonly steps: readonly { readonly event: SubmissionEvent; readonly next: Snapshot }[];
};

/** What of a state the machine and `evolve` can tell apart; whole data (digests, measurements) is left out. */
export function stateKey(state: SubmissionState): string {
  if (state.phase === 'absent') return 'absent';
  const { phase, contract, expiredHolds, publishBlind, runs, originals } = state;
  // What led to an end changes nothing there.
  if (phase === 'rejecting' || phase === 'failed' || phase === 'rejected') return JSON.stringify([phase, state.reason]);
  const shared = [
    phase,
    contract === null,
    expiredHolds,
    publishBlind,
    runs.map((run) => runKey(run)).sort(),
    originals,
  ];
  switch (state.phase) {
    case 'gate':
      return JSON.stringify([...shared, state.gate, state.deferral?.count]);
    case 'held': {
      const { source, copyOf, onRelease, onExpiry } = state.hold;
      return JSON.stringify([...shared, source, copyOf, stateKey(onRelease), stateKey(onExpiry)]);
    }
    case 'completed':
      return JSON.stringify([...shared, state.voided]);
    default:
      return JSON.stringify(shared);
  }
}

function runKey(run: Run): string {
  const conclusion = run.status === 'concludedWithout' ? run.conclusion : null;
  const verdict = run.status === 'concluded' || run.status === 'concludedWithout' ? run.rerunVerdict : null;
  return JSON.stringify([run.run, run.purpose, run.status, run.lastAttempt, run.aborted, conclusion, verdict]);
}

function keyOf({ value, context }: Snapshot): string {
  return `${JSON.stringify(value)} ${stateKey(context.submission)}`;
}

let walked: readonly Place[] | null = null;

/** Walks once; the tests share it. */
export function walk(): readonly Place[] {
  walked ??= placesOf(
    adjacencyMapToArray(
      getAdjacencyMap<Snapshot, SubmissionEvent, never>(submissionMachine, {
        events: ({ context }) => sampleEvents(context.submission),
        filterEvents: (snapshot, event) => snapshot.can(event),
        serializeState: (snapshot) => keyOf(snapshot),
        limit: 200_000,
      }),
    ),
  );
  return walked;
}

type Edge = { readonly state: Snapshot; readonly event: SubmissionEvent; readonly nextState: Snapshot };

/** Edges come in the order of a breadth-first search: the first way found to a place is a shortest one. */
function placesOf(edges: readonly Edge[]): readonly Place[] {
  const places = new Map<string, Place & { readonly steps: Place['steps'][number][] }>();
  const placeOf = (snapshot: Snapshot, history: () => readonly SubmissionEvent[]) => {
    const key = keyOf(snapshot);
    const place = places.get(key) ?? { key, snapshot, history: history(), steps: [] };
    places.set(key, place);
    return place;
  };
  for (const { state, event, nextState } of edges) {
    const place = placeOf(state, () => []);
    place.steps.push({ event, next: nextState });
    placeOf(nextState, () => [...place.history, event]);
  }
  return [...places.values()];
}
