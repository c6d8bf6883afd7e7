/** Where the events of a stream stand by id: all of them up to `revision`, −1 for a stream that isn't there. */
export type KnownStream = { readonly revision: number; readonly revisionOf: ReadonlyMap<string, number> };

type Place = { readonly id: string; readonly revision: number };

/**
 * What one process knows of streams from reading and writing them. The database finds an id again only right behind an
 * expected revision; this is how an id is found anywhere in its stream. A stream only grows, so what is known stays true and
 * may merely be old.
 *
 * Bounded by ids: the streams that nobody has used for longest are forgotten, and read again when they are needed.
 */
export type KnownStreams = {
  get(stream: string): KnownStream | undefined;
  /** Takes in a run of events, ascending, that was read or written; what doesn't follow on what is known is left out. */
  note(stream: string, events: readonly Place[]): void;
  /** The stream was read to its end, and was empty. */
  noteEmpty(stream: string): void;
};

const defaultLimit = 500_000;

export function knownStreams(limit = defaultLimit): KnownStreams {
  const known = new Map<string, { revision: number; readonly revisionOf: Map<string, number> }>();
  let ids = 0;

  /** Newest last. */
  function touch(stream: string, makes: boolean) {
    const entry = known.get(stream) ?? (makes ? { revision: -1, revisionOf: new Map<string, number>() } : undefined);
    if (entry === undefined) return undefined;
    known.delete(stream);
    known.set(stream, entry);
    return entry;
  }

  function forgetOldest(): void {
    for (const [stream, { revisionOf }] of known) {
      if (ids <= limit || known.size === 1) return;
      known.delete(stream);
      ids -= revisionOf.size;
    }
  }

  return {
    get: (stream) => touch(stream, false),
    note(stream, events) {
      const entry = touch(stream, events[0]?.revision === 0);
      if (entry === undefined) return;
      for (const { id, revision } of events) {
        if (revision !== entry.revision + 1) continue;
        entry.revision = revision;
        entry.revisionOf.set(id, revision);
        ids += 1;
      }
      forgetOldest();
    },
    noteEmpty: (stream) => void touch(stream, true),
  };
}
