import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Makes the names in a folder durable: a rename or a new file survives a power cut only after this. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Creates a folder with whatever is missing above it, durably. */
export async function makeDurableFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const firstCreated = await mkdir(folder, { recursive: true });
  // The entry of a folder that was there already is synced too: its creator may have died before doing so.
  const top = dirname(firstCreated === undefined ? folder : resolve(firstCreated));
  for (let above = dirname(folder); ; above = dirname(above)) {
    await syncFolder(above);
    if (above === top || above === dirname(above)) return;
  }
}

/** Writes a file whole: until it is durable there is none of its name. */
export async function writeDurableFile(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  await syncFolder(dirname(path));
}
