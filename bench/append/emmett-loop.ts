import { createRequire } from 'node:module';
import { join } from 'node:path';
import { benchEvents } from '../bench-events.ts';

// Emmett as its documentation has it: one store on a file, one event an append, one append after the other. It opens and
// closes the file for each, which takes five syncs to our one: the slower the disk syncs, the nearer to 5 the ratio.
type Event = { readonly type: string; readonly data: object; readonly metadata: object };
type Store = { appendToStream(stream: string, events: readonly Event[]): Promise<unknown> };

const [installed = '', folder = '', count = '0'] = process.argv.slice(2);
const emmett: { getSQLiteEventStore(options: object): Store } = createRequire(join(installed, 'package.json'))(
  '@event-driven-io/emmett-sqlite',
);
const store = emmett.getSQLiteEventStore({
  fileName: join(folder, 'emmett.sqlite'),
  schema: { autoMigration: 'CreateOrUpdate' },
});
const append = async (events: ReturnType<typeof benchEvents>) => {
  for (const { stream, type, data, ...metadata } of events) {
    await store.appendToStream(stream, [{ type, data, metadata }]);
  }
};
await append(benchEvents('submission-warm', 20));
const events = benchEvents('submission-bench', Number(count));
const started = performance.now();
await append(events);
process.send?.(events.length / ((performance.now() - started) / 1_000));
process.disconnect();
