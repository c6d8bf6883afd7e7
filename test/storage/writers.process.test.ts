import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { exitOf, startProgram } from './child-programs.ts';
import { range, withFolder } from './fixtures.ts';
import { everything } from './histories.ts';

const start = (name: string, ...args: readonly (string | number)[]) =>
  startProgram(new URL(`programs/${name}.js`, import.meta.url), ...args);

describe('several processes on one file', function () {
  this.timeout(60_000);

  it('four writers and a tailer: nothing skipped, nothing repeated, positions without gaps', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'events.sqlite');
      const count = 400;
      const total = 4 * (count + 50);
      // All five create the file at once.
      const tailer = start('tailer', path, total);
      const tailed = text(tailer.stdout);
      const writers = range(1, 4).map((n) => start('writer', path, `writer${n}`, count));
      expect(await Promise.all(writers.map(exitOf))).to.deep.equal([0, 0, 0, 0]);
      expect(await exitOf(tailer)).to.equal(0);

      const log = openSqliteEventLog({ path });
      const all = await everything(log);
      await log.close();
      expect(all.map(({ position }) => position)).to.deep.equal(range(1, total));
      const lines = all.map(({ position, envelope }) => `${position} ${envelope.id}\n`);
      expect(await tailed).to.equal(lines.join(''));
    }));
});
