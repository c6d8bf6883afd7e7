import type { Aggregate } from './aggregate.ts';
import type { EventEnvelope, Fact, RecordedEvent } from './event.ts';
import { newestVersion, toDomainEvent } from './event-catalog.ts';
import { eventId } from './ids.ts';
import type { JsonObject } from './json.ts';
import type { Attachment, EventLog } from './ports/event-log.ts';
import { isRejection, type Rejection } from './rejection.ts';

/** Who asks, when, and about what. The same `causeId` for the same command makes a retry the same events. */
export type CommandContext = {
  readonly causeId: string;
  readonly correlationId: string;
  /** ISO 8601 UTC with milliseconds. */
  readonly at: string;
};

export type Handled<State, Event> =
  | {
      readonly kind: 'accepted';
      readonly events: readonly Event[];
      readonly state: State;
      readonly position: number | null;
    }
  | Rejection;

/** `decide` yielded an event that the machine doesn't permit in that state: a bug of ours; nothing was appended. */
export class ForbiddenEventError extends Error {
  override readonly name = 'ForbiddenEventError';
}

/** Other writers kept winning: the stream is contended far beyond what PRISM does to itself. */
export class ContendedStreamError extends Error {
  override readonly name = 'ContendedStreamError';
}

const retriesOnConflict = 16;

/** A stream folded so far. `revision` is −1 for an empty one. */
export type Folded<State> = {
  readonly state: State;
  readonly revision: number;
  readonly lastEvent: RecordedEvent | null;
};

/** The one load-decide-append-retry loop. `permits` is asked about every event before it is appended. */
export type CommandHandler<State, Command, Event extends Fact> = {
  load(stream: string): Promise<Folded<State>>;
  handle(
    stream: string,
    command: Command,
    context: CommandContext,
    attachments?: readonly Attachment[],
  ): Promise<Handled<State, Event>>;
};

export function commandHandler<State, Command, Event extends Fact>(
  log: EventLog,
  aggregate: Aggregate<State, Command, Event>,
  permits: (state: State, event: Event) => boolean = () => true,
): CommandHandler<State, Command, Event> {
  const folded = foldedStates(log, aggregate);

  return {
    load: (stream) => folded.load(stream),
    async handle(stream, command, context, attachments = []) {
      for (let conflicts = 0; conflicts <= retriesOnConflict; conflicts += 1) {
        const { state, revision } = await folded.load(stream);
        const decision = aggregate.decide(state, command);
        if (isRejection(decision)) return decision;
        const after = evolveAll(aggregate, permits, state, decision);
        if (decision.length === 0) return { kind: 'accepted', events: [], state: after, position: null };
        const envelopes = decision.map((event, index) => toEnvelope(event, stream, index, context));
        // An event that can't be read back would poison its stream and the projections for ever.
        envelopes.forEach(toDomainEvent);
        const result = await log.append(stream, revision < 0 ? 'noStream' : revision, envelopes, attachments);
        if (result.kind === 'appended') {
          return { kind: 'accepted', events: decision, state: after, position: result.position };
        }
      }
      throw new ContendedStreamError(`${stream}: ${retriesOnConflict} appends in a row met a conflict`);
    },
  };
}

function evolveAll<State, Command, Event extends Fact>(
  aggregate: Aggregate<State, Command, Event>,
  permits: (state: State, event: Event) => boolean,
  state: State,
  events: readonly Event[],
): State {
  return events.reduce((current, event) => {
    if (!permits(current, event)) {
      throw new ForbiddenEventError(`${aggregate.name}: ${event.type} is not permitted in ${JSON.stringify(current)}`);
    }
    return aggregate.evolve(current, event);
  }, state);
}

function toEnvelope(event: Fact, stream: string, index: number, context: CommandContext): EventEnvelope {
  return {
    id: eventId(context.causeId, stream, index),
    type: event.type,
    schemaVersion: newestVersion(event.type),
    stream,
    recordedAt: context.at,
    correlationId: context.correlationId,
    causationId: context.causeId,
    data: event.data as JsonObject,
  };
}

const pageSize = 512;
const keptStreams = 1_024;

/**
 * Folds streams and keeps the newest states by revision, so that a command on a long stream reads only what is new.
 * The oldest of `keptStreams` entries goes first; a lost entry costs a refold, never correctness.
 */
function foldedStates<State, Command, Event extends Fact>(log: EventLog, aggregate: Aggregate<State, Command, Event>) {
  const kept = new Map<string, Folded<State>>();
  return {
    async load(stream: string): Promise<Folded<State>> {
      let folded = kept.get(stream) ?? { state: aggregate.initialState, revision: -1, lastEvent: null };
      for (;;) {
        const page = await log.readStream(stream, folded.revision + 1, pageSize);
        for (const recorded of page) {
          const event = toDomainEvent(recorded.envelope) as unknown as Event;
          folded = { state: aggregate.evolve(folded.state, event), revision: recorded.revision, lastEvent: recorded };
        }
        if (page.length < pageSize) break;
      }
      kept.delete(stream);
      kept.set(stream, folded);
      const oldest = kept.keys().next();
      if (kept.size > keptStreams && !oldest.done) kept.delete(oldest.value);
      return folded;
    },
  };
}
