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

/** Lines that are no such object are a library's chatter. */
function parse(line: string): object | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}
