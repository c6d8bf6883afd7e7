import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleFile } from '../../domain/bundle.ts';
import { packDirectory } from '../pack.ts';

/** The files of every bundle in a folder of bundles, in the order of their names. Throws for one that intake would refuse. */
export async function shippedExamples(folder: string): Promise<readonly (readonly BundleFile[])[]> {
  const names = (await readdir(folder)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const packed = await packDirectory(join(folder, name));
      if (packed.kind === 'refused') throw new Error(`the example ${name} breaks ${packed.rule}: ${packed.detail}`);
      return packed.files;
    }),
  );
}
