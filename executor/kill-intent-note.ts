import { attemptFolder, readEntries, tarOf } from './attempt-archive.ts';
import type { ContainerEngine } from './container-engine.ts';
import { type KillIntent, killIntents } from './outcome.ts';

/** A file in the referee's volume, out of the contestant's reach: it outlives us, and the containers' deaths. */
const noteName = 'kill-intent';

/**
 * Writes down why we are about to kill, so that a restart between the kill and the record still knows whose kill it
 * was.
 */
export async function writeKillIntent(engine: ContainerEngine, referee: string, intent: KillIntent): Promise<void> {
  const note = await tarOf([{ name: noteName, content: Buffer.from(intent) }]);
  await engine.putArchive(referee, attemptFolder, note);
}

export async function readKillIntent(engine: ContainerEngine, referee: string): Promise<KillIntent | null> {
  const tar = await engine.readArchive(referee, `${attemptFolder}/${noteName}`);
  if (tar === null) return null;
  const text = Buffer.from((await readEntries(tar, { [noteName]: 64 })).get(noteName) ?? '').toString();
  return killIntents.find((intent) => intent === text) ?? null;
}
