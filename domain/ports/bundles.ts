import type { BundleFile } from '../bundle.ts';

/** Reads the files of a stored bundle by the digest of its archive, intake's rules checked again; sorted by path. */
export type BundleReader = (archiveSha256: string) => Promise<readonly BundleFile[]>;
