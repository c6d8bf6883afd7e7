import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { z } from 'zod';
import { blobsNamedIn } from '../../domain/blob-references.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { ownEnvironment, prism } from '../service/service-process.ts';
import { exitOf, startProgram } from './child-programs.ts';
import { range } from './fixtures.ts';
import { everything, textsOf } from './histories.ts';

const answerSchema = z.looseObject({ events: z.number(), digest: z.string() });

/** The `prism` command as an operator types it. */
async function command(dataDir: string, ...args: readonly string[]): Promise<z.infer<typeof answerSchema>> {
  const env = { ...ownEnvironment(), PRISM_DATA_DIR: dataDir };
  const child = spawn(process.execPath, [prism, ...args, '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, notes] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(await exitOf(child), `prism ${args.join(' ')}: ${notes}`).to.equal(0);
  return answerSchema.parse(JSON.parse(said));
}

type Made = { readonly path: string; readonly events: number; readonly digest: string; readonly atLeast: number };

/** Three backups and an export of a log to which another process writes; then it is killed. */
async function copiesOf(root: string): Promise<{ readonly backups: readonly Made[]; readonly exported: Made }> {
  const data = join(root, 'data');
  const writer = startProgram(new URL('programs/history-writer.js', import.meta.url), data);
  let acknowledged = 0;
  const hundred = new Promise<void>((resolve) => {
    createInterface({ input: writer.stdout }).on('line', () => {
      acknowledged += 1;
      if (acknowledged === 100) resolve();
    });
  });
  const make = async (path: string, ...args: readonly string[]): Promise<Made> => {
    const atLeast = acknowledged;
    return { ...(await command(data, ...args, path)), path, atLeast };
  };
  await hundred;
  const backups: Made[] = [];
  for (const round of range(1, 3)) backups.push(await make(join(root, `backup-${round}`), 'backup'));
  const exported = await make(join(root, 'log.jsonl'), 'log', 'export');
  writer.kill('SIGKILL');
  await exitOf(writer);
  return { backups, exported };
}

describe('while another process writes', function () {
  this.timeout(120_000);
  let root: string;
  let copies: Awaited<ReturnType<typeof copiesOf>>;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'prism-copies-'));
    copies = await copiesOf(root);
  });
  after(() => rm(root, { recursive: true }));

  it('a backup holds all that was durable when it began, blobs included, and is put back whole', async () => {
    for (const { path, events, digest, atLeast } of copies.backups) {
      expect(events).to.be.at.least(atLeast);
      const dataDir = `${path}-restored`;
      expect(await command(dataDir, 'restore', path)).to.include({ events, digest });
      const { log, blobs, close } = await openStorage({ dataDir });
      const all = await everything(log);
      expect(all.map(({ position }) => position)).to.deep.equal(range(1, events));
      for (const { sha256 } of all.flatMap(({ envelope }) => blobsNamedIn(envelope.data))) {
        expect(await blobs.has(sha256)).to.equal(true);
      }
      await close();
    }
  });

  it('an export holds all that was durable when it began, and is imported byte for byte', async () => {
    const { path, events, digest, atLeast } = copies.exported;
    expect(events).to.be.at.least(atLeast);
    const dataDir = join(root, 'moved');
    expect(await command(dataDir, 'log', 'import', path)).to.include({ events, digest });
    const { log, close } = await openStorage({ dataDir });
    const moved = textsOf(await everything(log));
    await close();
    const exported: string[] = [];
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const entry = JSON.parse(line);
      if (entry.kind === 'event') exported.push(entry.text);
    }
    expect(moved).to.deep.equal(exported);
  });
});
