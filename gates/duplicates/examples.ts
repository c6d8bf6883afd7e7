import { createHash } from 'node:crypto';
import { type BundleFile, codeHash } from '../../domain/bundle.ts';
import type { Inspector } from '../../domain/ports/inspector.ts';
import { tokenizerClasses } from '../../domain/tokenizer.ts';
import { resolveContract } from '../contract.ts';
import { readModules } from '../read-modules.ts';
import { shingleValues } from './shingle-set.ts';

/** The shipped examples: whoever starts from one copies nobody. */
export type Examples = {
  /** Which examples they are. */
  readonly digest: string;
  readonly shingles: ReadonlySet<number>;
  /** Digests over the canonical source of their roles. */
  readonly fingerprints: ReadonlySet<string>;
};

/** Reads them as bundles are read. Throws `InspectorUnavailableError`, and for an example that isn't a bundle. */
export async function readExamples(
  bundles: readonly (readonly BundleFile[])[],
  inspector: Inspector,
): Promise<Examples> {
  const shingles = new Set<number>();
  const fingerprints = new Set<string>();
  for (const files of bundles) {
    const resolution = await resolveContract(files, inspector, { tokenizers: tokenizerClasses });
    if (resolution.kind === 'failed')
      throw new Error(`a shipped example breaks the contract: ${resolution.findings[0]?.explanation}`);
    const { architecture, training } = resolution.contract;
    const modules = await readModules(files, inspector);
    for (const module of modules.values()) {
      for (const definition of module.definitions) {
        for (const value of shingleValues(definition.shingles)) shingles.add(value);
      }
    }
    for (const role of [architecture, training]) fingerprints.add(role.fingerprint);
  }
  const digests = bundles.map(codeHash).toSorted();
  const digest = createHash('sha256').update(digests.join(' ')).digest('hex');
  return { digest, shingles, fingerprints };
}
