import type { AttemptNames } from './attempt-names.ts';
import type { ContainerEngine } from './container-engine.ts';
import { writeKillIntent } from './kill-intent-note.ts';
import type { KillIntent } from './outcome.ts';

/** Every kill of an attempt's containers goes through here: the intent is durable before the effect. */
export type KillSwitch = {
  intent(): KillIntent | null;
  /** Writes the intent down, unless an earlier one stands, and kills. */
  pull(intent: KillIntent): Promise<void>;
  /** `pull` from a callback; a failure shows in `failed`. */
  pullSoon(intent: KillIntent): void;
  readonly failed: Promise<never>;
};

/**
 * Who dies. After an output flood or an overrun the referee lives on: it sees the channel close and writes its manifest.
 */
const victims: Readonly<Record<KillIntent, readonly ('referee' | 'contestant')[]>> = {
  output: ['contestant'],
  timeout: ['contestant'],
  frameCpu: ['contestant'],
  frameWall: ['contestant'],
  starved: ['contestant'],
  contestantOutlived: ['contestant'],
  refereeHung: ['referee'],
  refereeOutput: ['contestant', 'referee'],
  leaseEnded: ['contestant', 'referee'],
};

/** `names`: the referee, and the contestant whose turn it is. */
export function killSwitch(
  engine: ContainerEngine,
  names: () => AttemptNames,
  noted: KillIntent | null,
  beforeKill: () => Promise<void>,
): KillSwitch {
  let current = noted;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {}); // Raced against the main line; it may fail after that has ended.

  async function pull(intent: KillIntent): Promise<void> {
    if (current === null) {
      current = intent;
      await writeKillIntent(engine, names().referee, intent);
    }
    await beforeKill();
    await Promise.all(victims[intent].map((victim) => engine.kill(names()[victim])));
  }

  return { intent: () => current, pull, pullSoon: (intent) => void pull(intent).catch(fail), failed };
}
