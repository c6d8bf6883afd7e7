import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder on the disk of the checkout, where syncing costs; gone afterwards. */
export async function withBenchFolder<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = await mkdtemp(join(process.cwd(), '.prism-bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
