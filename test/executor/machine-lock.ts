import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const lockFile = join(tmpdir(), 'prism-container-tests.lock');

/**
 * Waits until nobody else on this machine runs contestants, and returns what lets the next one in: two torch processes on
 * two cores starve each other. `flock` holds the lock for as long as its input is open, so that a killed process gives it back.
 */
export async function holdMachineLock(): Promise<() => Promise<void>> {
  const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'error')]).catch(() => {}); // No flock, no lock.
  return async () => {
    if (holder.exitCode !== null || holder.pid === undefined) return;
    holder.stdin.end();
    await once(holder, 'exit');
  };
}
