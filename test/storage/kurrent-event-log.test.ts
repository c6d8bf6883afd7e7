import { randomBytes } from 'node:crypto';
import { openKurrentEventLog } from '../../storage/kurrent-event-log.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { describeEventLogContract } from './event-log-contract.ts';
import { startCluster } from './kurrent-fixtures.ts';

const withoutIndex = { findsIdsInOtherStreams: false };

describeEventLogContract(
  'kurrent, over the loopback double',
  async () => {
    const cluster = await startCluster();
    return { log: cluster.open(), blobs: cluster.blobs, dispose: cluster.stop };
  },
  withoutIndex,
);

/** A real database, such as `esdb://localhost:2113?tls=false`. Every test takes a stream prefix of its own; nothing is deleted. */
const realUrl = process.env.KURRENTDB_URL;

describe('kurrent, on a real server', () => {
  if (realUrl === undefined) {
    it('is skipped: KURRENTDB_URL names none');
    return;
  }
  describeEventLogContract(
    'kurrent, on the server at KURRENTDB_URL',
    async () => {
      const blobs = memoryBlobs();
      const prefix = `test${randomBytes(8).toString('hex')}`;
      const url = `${realUrl}${realUrl.includes('?') ? '&' : '?'}streamPrefix=${prefix}`;
      const log = openKurrentEventLog({ url, blobs });
      return { log, blobs, dispose: () => log.close() };
    },
    withoutIndex,
  );
});
