import { toAttachment } from '../../../domain/blob-digest.ts';
import { openSqliteEventLog } from '../../../storage/sqlite-event-log.ts';
import { eventNamed } from '../fixtures.ts';
import { acknowledge } from './acknowledge.ts';

/** Appends numbered events, four at a time, from `start` on until it is killed. Each brings a blob that holds its name. */
const [, , path = '', start = '1'] = process.argv;
const log = openSqliteEventLog({ path });
let next = Number(start);

async function appendForEver(): Promise<never> {
  for (;;) {
    const name = `event-${next}`;
    next += 1;
    const { attachment, reference } = toAttachment(Buffer.from(name));
    await log.append('crash', 'any', [eventNamed(name, 'crash', { sha256: reference.sha256 })], [attachment]);
    acknowledge(name);
  }
}

await Promise.all([1, 2, 3, 4].map(appendForEver));
