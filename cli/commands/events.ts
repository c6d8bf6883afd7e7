import { eventsAnswer } from '../answers.ts';
import type { Output } from '../output.ts';
import type { ServiceClient } from '../service-client.ts';
import { oneLine } from '../terminal-text.ts';

/** Prints a submission's timeline: one event a line, oldest first. */
export async function events(client: ServiceClient, id: string, output: Output): Promise<number> {
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await client.get(`/v1/submissions/${encodeURIComponent(id)}/events${query}`, eventsAnswer);
    for (const event of page.events) {
      output.result(event, () => `${event.recorded_at}  ${event.type}  ${summaryOf(event.data)}`);
    }
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return 0;
}

/** The scalar facts of an event; digests are cut, objects left to `--json`. */
export function summaryOf(data: Readonly<Record<string, unknown>>): string {
  return Object.entries(data)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .map(([name, value]) => [name, oneLine(String(value))] as const)
    .map(([name, value]) => `${name}=${value.length > 40 ? `${value.slice(0, 12)}…` : value}`)
    .join(' ');
}
