import { openSqliteEventLog } from '../../../storage/sqlite-event-log.ts';
import { eventsNamed, range } from '../fixtures.ts';

/** Appends `count` events as fast as it can, eight at a time: to a stream of its own by revision, and to one shared by all. */
const [, , path = '', name = '', count = '0'] = process.argv;
const log = openSqliteEventLog({ path });
const numbers = range(1, Number(count));

async function appendEvery(start: number): Promise<void> {
  for (const n of numbers.slice(start).filter((_, index) => index % 8 === 0)) {
    await log.append('shared', 'any', eventsNamed([`${name}-${n}`], 'shared'));
  }
}

await Promise.all(range(0, 7).map(appendEvery));
for (const n of numbers.slice(0, 50)) {
  const result = await log.append(name, n === 1 ? 'noStream' : n - 2, eventsNamed([`${n}`], name));
  if (result.kind !== 'appended') throw new Error(`${name}: conflict in a stream of our own`);
}
await log.close();
