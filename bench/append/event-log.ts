import type { EventEnvelope } from '../../domain/event.ts';
import type { ExpectedRevision } from '../../domain/ports/event-log.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { warmUp } from '../bench-events.ts';
import { withBenchFolder } from '../bench-folder.ts';

/**
 * Our log as the service opens it. Each writer appends its batches to a stream of its own, one after the other, by
 * expected revision. Events a second.
 */
export function eventLog(writers: readonly (readonly (readonly EventEnvelope[])[])[]): Promise<number> {
  return withBenchFolder(async (dataDir) => {
    const { log, close } = await openStorage({ dataDir });
    const write = async (batches: readonly (readonly EventEnvelope[])[]) => {
      let expected: ExpectedRevision = 'noStream';
      for (const batch of batches) {
        const result = await log.append(batch[0]?.stream ?? '', expected, batch);
        if (result.kind === 'conflict') throw new Error('a stream of our own met a conflict');
        expected = result.revision;
      }
    };
    await write(warmUp());
    const before = await log.head();
    const started = performance.now();
    await Promise.all(writers.map(write));
    const seconds = (performance.now() - started) / 1_000;
    const events = (await log.head()) - before;
    await close();
    return events / seconds;
  });
}
