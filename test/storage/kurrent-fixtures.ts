import type { EventLog } from '../../domain/ports/event-log.ts';
import type { Patience } from '../../storage/kurrent-connection.ts';
import { openKurrentEventLog } from '../../storage/kurrent-event-log.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { type KurrentDatabase, kurrentDatabase } from '../doubles/kurrent/database.ts';
import { type KurrentNode, startNode } from '../doubles/kurrent/node.ts';

/** Pauses short enough for tests, patience long enough for a slow machine. */
export const briefly: Patience = { firstBackoffMs: 1, longestBackoffMs: 8, patienceMs: 15_000, readTimeoutMs: 15_000 };

export type Cluster = {
  readonly database: KurrentDatabase;
  readonly node: KurrentNode;
  readonly url: string;
  readonly blobs: ReturnType<typeof memoryBlobs>;
  /** A log as one more process would open it. */
  open(options?: { readonly url?: string; readonly patience?: Patience }): EventLog;
  stop(): Promise<void>;
};

/** A database with one node, and logs on it. */
export async function startCluster(): Promise<Cluster> {
  const database = kurrentDatabase();
  const node = await startNode(database);
  const url = `esdb://127.0.0.1:${node.port()}?tls=false`;
  const blobs = memoryBlobs();
  const opened: EventLog[] = [];
  return {
    ...{ database, node, url, blobs },
    open(options) {
      const log = openKurrentEventLog({ url, blobs, patience: briefly, ...options });
      opened.push(log);
      return log;
    },
    async stop() {
      await Promise.all(opened.map((log) => log.close()));
      node.stop();
    },
  };
}
