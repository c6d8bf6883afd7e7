import { once } from 'node:events';
import { openStorage } from '../../storage/open-storage.ts';
import { byPolling, bySubscription } from './follow.ts';

// Follows a log from its end and sends what it sees, until it is told to stop.
const [way, dataDir = ''] = process.argv.slice(2);
const storage = await openStorage({ dataDir });
const follow = way === 'polling' ? byPolling(dataDir) : bySubscription(storage.log);
const stop = await follow((position, atNs) => process.send?.({ position, atNs }));
process.send?.('following');
await once(process, 'message');
await stop();
await storage.close();
process.disconnect();
