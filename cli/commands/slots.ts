import { z } from 'zod';
import { exitCodes } from '../exit-codes.ts';
import { type Output, table } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';

const statusAnswer = z.looseObject({
  slots: z.array(
    z.looseObject({
      slot: z.string(),
      device_class: z.string(),
      state: z.string(),
      quarantine: z.string().nullable(),
      lease: z.looseObject({ submission_id: z.string(), run: z.string(), attempt: z.number() }).nullable(),
    }),
  ),
});
const decidedAnswer = z.looseObject({ slot: z.string(), quarantine: z.string().nullable() });

/** Every slot, what it runs, and why it takes no leases where it doesn't. */
export async function listSlots(client: ServiceClient, output: Output): Promise<number> {
  const answer = await client.get('/v1/gpu/status', statusAnswer);
  output.result(answer, () =>
    answer.slots.length === 0
      ? 'No slot is registered.'
      : table(
          ['slot', 'class', 'state', 'runs', 'quarantine'],
          answer.slots.map(({ slot, device_class, state, lease, quarantine }) => [
            ...[slot, device_class, state],
            lease === null ? '' : `${lease.submission_id} ${lease.run} ${lease.attempt}`,
            quarantine ?? '',
          ]),
        ),
  );
  return exitCodes.ok;
}

/** Closes a slot for further leases, or opens it again. */
export async function decideSlot(
  client: ServiceClient,
  slot: string,
  decision: 'quarantine' | 'restore',
  by: { readonly operator: string; readonly reason: string },
  output: Output,
): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const path = `/internal/v1/slots/${encodeURIComponent(slot)}/${decision}`;
  const decided = await client.post(path, decidedAnswer, Buffer.from(JSON.stringify(by)), headers);
  output.result(decided, () => {
    if (decided.quarantine === null) return `slot ${decided.slot} takes leases`;
    return `slot ${decided.slot} takes no more leases: ${decided.quarantine}`;
  });
  return exitCodes.ok;
}
