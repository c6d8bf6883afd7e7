import { openStorage } from '../../../storage/open-storage.ts';
import { appendOne } from '../histories.ts';
import { acknowledge } from './acknowledge.ts';

/** Appends a history to a data folder, event by event, blobs included, until it is killed. */
const [, , dataDir = ''] = process.argv;
const storage = await openStorage({ dataDir });
for (let number = 1; ; number += 1) {
  await appendOne(storage, number);
  acknowledge(`event-${number}`);
}
