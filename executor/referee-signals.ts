/** The referee's progress lines (PROTOCOL.md §1), as far as the executor acts on them. */
export type RefereeSignals = {
  take(line: string): void;
  /** Resolves with the line `{"event": "ready"}`; never rejects. */
  readonly ready: Promise<void>;
  isConnected(): boolean;
};

export type RefereeListener = {
  /** The covered share of the stream, 0 … 1, after every batch: for people, never a measurement. */
  onProgress(covered: number): void;
  /** The contestant has been asked, or has answered; ids count up. */
  onFrame(edge: 'started' | 'ended', frame: number): void;
};

const frameEdges: ReadonlyMap<unknown, 'started' | 'ended'> = new Map([
  ['frameStart', 'started'],
  ['frameEnd', 'ended'],
]);

export function refereeSignals({ onProgress, onFrame }: RefereeListener): RefereeSignals {
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
      const edge = frameEdges.get(said.event);
      if (edge !== undefined && 'id' in said && typeof said.id === 'number') onFrame(edge, said.id);
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
