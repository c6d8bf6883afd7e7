import type { BundleFile } from '../domain/bundle.ts';
import { type Failed, failed, finding } from './contract-rules.ts';
import { type ManifestDocument, parseManifest } from './manifest-yaml.ts';

export const manifestNames = ['prism.yaml', 'prism.yml'] as const;
const manifestLimitBytes = 16_384;

/** Finds the manifest of a bundle and reads it; without one, nothing is declared. */
export function readManifest(files: readonly BundleFile[]): ManifestDocument | Failed {
  const [manifest, second] = files.filter((file) => manifestNames.some((name) => name === file.path));
  if (manifest === undefined) return { kind: 'document', values: new Map(), placeOf: () => ({ path: null }) };
  if (second !== undefined) return failed(finding('prism:contract-manifest-twice', { path: second.path }));
  const { path, bytes } = manifest;
  if (bytes.length > manifestLimitBytes) return failed(finding('prism:contract-manifest-size', { path }));
  try {
    return parseManifest(path, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    // Both are functions of the bytes alone: whatever they throw (no UTF-8, too many aliases) is what was submitted.
    const seen = error instanceof Error ? error.message : String(error);
    return failed(finding('prism:contract-manifest-syntax', { path }, seen));
  }
}
