import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { isSettled, receivedAnswer, submissionAnswer } from '../../cli/answers.ts';
import type { ServiceClient } from '../../cli/service-client.ts';

const measured = submissionAnswer.extend({
  record_digest: z.string().nullable(),
  manifest_digest: z.string().nullable(),
  covered_bytes: z.number().nullable(),
  attempts: z.number(),
  progress: z.looseObject({ phase: z.string(), covered: z.number() }).nullable(),
  score: z.looseObject({ bits_per_byte: z.number() }).nullable(),
  reason: z
    .looseObject({
      code: z.string(),
      message: z.string().nullable(),
      where: z.string().nullable(),
      findings: z.array(
        z.looseObject({
          ...{ rule: z.string(), path: z.string().nullable(), line: z.number().nullable() },
          explanation: z.string(),
        }),
      ),
    })
    .nullable(),
});
export type Measured = z.infer<typeof measured>;

const patienceMs = 120_000;
const pollMs = 50;

export async function handIn(client: ServiceClient, archive: Uint8Array, hotkey: string): Promise<string> {
  const { id } = await client.post('/internal/v1/bridge/submissions', receivedAnswer, archive, {
    'content-type': 'application/zip',
    'x-platform-verified-hotkey': hotkey,
    'x-submission-filename': `${hotkey}.zip`,
  });
  return id;
}

/** How a submission stands. */
export function standing(client: ServiceClient, id: string): Promise<Measured> {
  return client.get(`/v1/submissions/${id}`, measured);
}

/** How a submission stands once it is as wanted. Fails after two minutes, saying how it stood. */
export async function untilStanding(
  client: ServiceClient,
  id: string,
  isWanted: (submission: Measured) => boolean,
): Promise<Measured> {
  const latest = Date.now() + patienceMs;
  for (;;) {
    const submission = await standing(client, id);
    if (isWanted(submission)) return submission;
    if (Date.now() > latest) throw new Error(`still ${JSON.stringify(submission)}`);
    await delay(pollMs);
  }
}

export function settled(client: ServiceClient, id: string): Promise<Measured> {
  return untilStanding(client, id, ({ status }) => isSettled(status));
}
