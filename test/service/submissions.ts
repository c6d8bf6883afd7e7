import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { eventsAnswer, isSettled, receivedAnswer, submissionAnswer } from '../../cli/answers.ts';
import type { ServiceClient } from '../../cli/service-client.ts';

const measured = submissionAnswer.extend({
  record_digest: z.string().nullable(),
  covered_bytes: z.number().nullable(),
  attempts: z.number(),
  score: z.looseObject({ bits_per_byte: z.number() }).nullable(),
  reason: z.looseObject({ code: z.string(), message: z.string().nullable() }).nullable(),
});
export type Measured = z.infer<typeof measured>;

export async function handIn(client: ServiceClient, archive: Uint8Array, hotkey: string): Promise<string> {
  const { id } = await client.post('/internal/v1/bridge/submissions', receivedAnswer, archive, {
    'content-type': 'application/zip',
    'x-platform-verified-hotkey': hotkey,
    'x-submission-filename': `${hotkey}.zip`,
  });
  return id;
}

export async function settled(client: ServiceClient, id: string): Promise<Measured> {
  for (;;) {
    const submission = await client.get(`/v1/submissions/${id}`, measured);
    if (isSettled(submission.status)) return submission;
    await delay(100);
  }
}

/** All events of a submission, oldest first. */
export async function timeline(client: ServiceClient, id: string) {
  const events: z.infer<typeof eventsAnswer>['events'] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await client.get(`/v1/submissions/${id}/events${query}`, eventsAnswer);
    events.push(...page.events);
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return events;
}
