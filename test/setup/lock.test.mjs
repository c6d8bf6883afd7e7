import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { withLock } from '../../scripts/lib/lock.mjs';
import { identify, isAlive, waitFor } from '../../scripts/lib/process.mjs';

const lockModule = new URL('../../scripts/lib/lock.mjs', import.meta.url).href;

describe('the lock between processes', function () {
  this.timeout(30_000);
  let folder;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'prism-lock-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('lets one process at a time read, add one and write', async () => {
    const counter = path.join(folder, 'counter');
    await writeFile(counter, '0');
    const addFifty = `
      import { withLock } from '${lockModule}';
      import { readFile, writeFile } from 'node:fs/promises';
      for (let i = 0; i < 50; i += 1) await withLock('${folder}/lock', async () => {
        await writeFile('${counter}', String(Number(await readFile('${counter}', 'utf8')) + 1));
      });`;
    const start = () => spawn(process.execPath, ['--input-type=module', '-e', addFifty], { stdio: 'inherit' });
    assert.deepEqual(await Promise.all([start(), start(), start()].map(waitFor)), [0, 0, 0]);
    assert.equal(await readFile(counter, 'utf8'), '150');
  });

  it('is taken over from a holder that died', async () => {
    const dying = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { withLock } from '${lockModule}'; await withLock('${folder}', () => process.kill(process.pid, 'SIGKILL'));`,
      ],
      { stdio: 'inherit' },
    );
    assert.equal(await waitFor(dying), 'SIGKILL');
    assert.equal(await withLock(folder, async () => 'mine'), 'mine');
  });

  it('is released when the work throws', async () => {
    await assert.rejects(
      withLock(folder, async () => {
        throw new Error('no');
      }),
      /no/,
    );
    assert.equal(await withLock(folder, async () => 'again'), 'again');
  });

  it('leaves one file, however often it was held', async () => {
    for (let time = 0; time < 5; time += 1) await withLock(folder, async () => {});
    assert.deepEqual(await readdir(folder), ['5']);
  });

  it('knows a process by its start, not by its number alone', () => {
    const self = identify(process.pid);
    assert.equal(isAlive(self), true);
    if (self.start !== null) assert.equal(isAlive({ ...self, start: self.start - 1 }), false);
  });
});
