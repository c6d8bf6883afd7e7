import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryStorage } from '../../storage/open-storage.ts';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { describeEventLogContract, type OpenLog } from './event-log-contract.ts';

const withIndex = { findsIdsInOtherStreams: true };

const sqliteLog: OpenLog = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prism-storage-'));
  const log = openSqliteEventLog({ path: join(folder, 'events.sqlite') });
  return {
    log,
    blobs: log.blobs,
    async dispose() {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
};

const memoryLog: OpenLog = async () => {
  const { log, blobs, close } = memoryStorage();
  return { log, blobs, dispose: close };
};

describeEventLogContract('sqlite', sqliteLog, withIndex);
describeEventLogContract('memory', memoryLog, withIndex);
