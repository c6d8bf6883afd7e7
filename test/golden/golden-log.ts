import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../cli/package-root.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { logFileVersion } from '../../storage/sqlite-connection.ts';
import { prepare, runToTheEnd, startWorld } from '../machines/world.ts';

export const goldenLogFolder = join(packageRoot, 'test/golden/logs');

/** The event log's file as every version of its layout wrote it, by that version. */
export function goldenLogs() {
  return readdirSync(goldenLogFolder).map((name) => {
    const version = Number(/^events\.v(\d+)\.sqlite$/.exec(name)?.[1]);
    return { name, version, isNewest: version === logFileVersion };
  });
}

/** Writes the file of this layout: a submission's whole life, a slot and a policy, and a small blob. */
export async function writeGoldenLog(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'prism-golden-'));
  const name = `events.v${logFileVersion}.sqlite`;
  try {
    const { log, blobs, close } = await openStorage({ dataDir });
    await prepare(log);
    await blobs.put(Buffer.from('a small blob'));
    const world = startWorld(log, { seconds: 0 });
    await runToTheEnd(world);
    await world.manager.close();
    await close();
    copyFileSync(join(dataDir, 'events.sqlite'), join(goldenLogFolder, name));
  } finally {
    rmSync(dataDir, { recursive: true });
  }
  return name;
}
