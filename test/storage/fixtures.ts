import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventEnvelope, RecordedEvent } from '../../domain/event.ts';
import { deriveId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { AppendResult } from '../../domain/ports/event-log.ts';

/** An event of `stream` that is the same one for the same `name`. */
export function eventNamed(name: string, stream: string, data: JsonObject = {}): EventEnvelope {
  return {
    id: deriveId('test event', stream, name),
    type: 'SomethingHappened',
    schemaVersion: 1,
    stream,
    recordedAt: '2025-01-01T00:00:00.000Z',
    correlationId: 'correlation',
    causationId: 'causation',
    data: { name, ...data },
  };
}

export function eventsNamed(names: readonly string[], stream: string): readonly EventEnvelope[] {
  return names.map((name) => eventNamed(name, stream));
}

export function namesOf(events: readonly RecordedEvent[]): readonly unknown[] {
  return events.map(({ envelope }) => envelope.data.name);
}

export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

export function appended(result: AppendResult): { readonly revision: number; readonly position: number } {
  if (result.kind !== 'appended') throw new Error(`not appended: the stream is at ${result.actual}`);
  return result;
}

/** Runs `use` with a folder that is gone afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'prism-storage-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the promise rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was expected to reject');
}
