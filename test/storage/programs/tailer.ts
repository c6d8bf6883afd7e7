import { writeSync } from 'node:fs';
import { openSqliteEventLog } from '../../../storage/sqlite-event-log.ts';

/** Follows the log from its beginning and writes one line an event, until it has seen `count`. */
const [, , path = '', count = '0'] = process.argv;
const log = openSqliteEventLog({ path });
let seen = 0;
let done = () => {};
const enough = new Promise<void>((resolve) => {
  done = resolve;
});
// The subscription's own timer doesn't keep a process alive; this one is here only to follow.
const stayAlive = setInterval(() => {}, 60_000);
const subscription = log.subscribe(0, (page) => {
  writeSync(1, page.map(({ position, envelope }) => `${position} ${envelope.id}\n`).join(''));
  seen += page.length;
  if (seen >= Number(count)) done();
});
await Promise.race([enough, subscription.ended]);
clearInterval(stayAlive);
await log.close();
