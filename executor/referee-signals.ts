import { type Seat, seats } from './attempt-names.ts';

/** The referee's progress lines (PROTOCOL.md §1), as far as the executor acts on them. */
export type RefereeSignals = {
  take(line: string): void;
  /** Resolves with the line `{"event": "ready"}`; never rejects. */
  readonly ready: Promise<void>;
  isConnected(): boolean;
};

/** `onProgress` hears the covered share of the stream, 0 … 1, after every batch: for people, never a measurement. */
export function refereeSignals(onProgress: (covered: number) => void): RefereeSignals {
  let markReady = () => {};
  let connected = false;
  const ready = new Promise<void>((resolve) => {
    markReady = resolve;
  });
  return {
    ready,
    isConnected: () => connected,
    take(line) {
      const said = parse(line);
      if (said === null || !('event' in said)) return;
      if (said.event === 'ready') markReady();
      if (said.event === 'connected') connected = true;
      if (said.event === 'progress' && 'progress' in said && typeof said.progress === 'number')
        onProgress(said.progress);
    },
  };
}

/** What a referee holds of its image (ADR 17), and how much of that was in memory. */
export type ImageHeld = { readonly bytes: number; readonly inMemoryBytes: number };

/** Takes the referee's lines, of whatever kind of run; `onHeld` hears what it holds before its contestant starts. */
export function imageSignals(onHeld: (held: ImageHeld) => void): (line: string) => void {
  return (line) => {
    const said = parse(line);
    if (said === null || !('event' in said) || said.event !== 'imageHeld') return;
    if (!('bytes' in said) || typeof said.bytes !== 'number') return;
    if (!('inMemoryBytes' in said) || typeof said.inMemoryBytes !== 'number') return;
    onHeld({ bytes: said.bytes, inMemoryBytes: said.inMemoryBytes });
  };
}

export type FrameEdge = 'started' | 'ended';

const frameEdges: ReadonlyMap<unknown, FrameEdge> = new Map([
  ['frameStart', 'started'],
  ['frameEnd', 'ended'],
]);

/** Takes the referee's lines, of whatever kind of run; `onFrame` hears that the contestant has been asked, or has answered. Ids count up. */
export function frameSignals(onFrame: (edge: FrameEdge, frame: number) => void): (line: string) => void {
  return (line) => {
    const said = parse(line);
    if (said === null || !('event' in said) || !('id' in said) || typeof said.id !== 'number') return;
    const edge = frameEdges.get(said.event);
    if (edge !== undefined) onFrame(edge, said.id);
  };
}

/** What the referee of a held-out attempt says of its contestants, which are numbered by their seats. */
export type TurnSignals = {
  take(line: string): void;
  /** Resolves once the referee waits at that seat; never rejects. */
  ready(seat: Seat): Promise<void>;
  /** Resolves once the contestant there has answered everything; never rejects. */
  done(seat: Seat): Promise<void>;
  isConnected(seat: Seat): boolean;
  isDone(seat: Seat): boolean;
};

export function turnSignals(): TurnSignals {
  const ready = seats.map(moment);
  const done = seats.map(moment);
  const connected = seats.map(moment);
  const moments: Readonly<Record<string, readonly Moment[]>> = { ready, connected, contestantDone: done };
  const of = (list: readonly Moment[], seat: Seat) => list[seat] ?? moment();
  return {
    ready: (seat) => of(ready, seat).come,
    done: (seat) => of(done, seat).come,
    isConnected: (seat) => of(connected, seat).hasCome(),
    isDone: (seat) => of(done, seat).hasCome(),
    take(line) {
      const said = parse(line);
      if (said === null || !('event' in said) || !('contestant' in said)) return;
      const { event, contestant } = said;
      if (typeof event !== 'string' || typeof contestant !== 'number' || !Object.hasOwn(moments, event)) return;
      moments[event]?.[contestant]?.mark();
    },
  };
}

type Moment = { readonly come: Promise<void>; hasCome(): boolean; mark(): void };

function moment(): Moment {
  let [resolve, hasCome] = [() => {}, false];
  const come = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return {
    come,
    hasCome: () => hasCome,
    mark() {
      hasCome = true;
      resolve();
    },
  };
}

/** Lines that are no such object are a library's chatter. */
function parse(line: string): object | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}
