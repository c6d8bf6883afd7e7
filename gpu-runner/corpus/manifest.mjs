// The manifests of locked data (`prism_locked_data.v1`), and checking a folder against its own.
//
// Each split's folder has a manifest of its own, so that one split alone can be mounted; the one above them lists all
// splits. Both are canonical JSON: a manifest is known by the SHA-256 of its bytes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../scripts/lib/cache.mjs';
import { canonicalJson } from '../../scripts/lib/canonical-json.mjs';
import { DOCUMENTS_PER_SHARD, PARTITION_RANGES, PARTITION_RULE, shardBytes } from './partition.mjs';

/** What a split's manifest says of it. `bytes` are raw UTF-8 bytes of text; the `bytes` tokenizer makes as many tokens. */
export function describeSplit(shards) {
  const documents = shards.flat();
  const bytes = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return {
    documents: documents.length,
    bytes,
    tokens: { bytes },
    // Of the documents, however they are cut into shards.
    fingerprint: sha256(documents.map(({ id, text }) => `${sha256(text)} ${id}\n`).join('')),
    shards: shards.map((shard, number) => {
      const file = shardBytes(shard);
      return {
        path: `${String(number).padStart(4, '0')}.jsonl`,
        sha256: sha256(file),
        bytes: file.length,
        documents: shard.length,
      };
    }),
  };
}

/** A manifest's bytes for the given splits (name → what describeSplit says). */
export function manifestText({ sources, key, splits }) {
  return canonicalJson({
    schema: 'prism_locked_data.v1',
    sources,
    partition: { rule: PARTITION_RULE, ranges: PARTITION_RANGES, keySha256: sha256(key) },
    documentsPerShard: DOCUMENTS_PER_SHARD,
    splits,
  });
}

/** The splits as the manifest above them lists them: paths begin with the split's name. */
export function withFolders(splits) {
  const prefixed = ([name, split]) => [
    name,
    { ...split, shards: split.shards.map((shard) => ({ ...shard, path: `${name}/${shard.path}` })) },
  ];
  return Object.fromEntries(Object.entries(splits).map(prefixed));
}

/** What is wrong with locked data in `folder` (a corpus or one split of it), or null. Reads every shard. */
export async function problemOf(folder) {
  try {
    const manifest = JSON.parse(await readFile(path.join(folder, 'MANIFEST.json'), 'utf8'));
    if (manifest.schema !== 'prism_locked_data.v1') return `${folder}/MANIFEST.json isn't prism_locked_data.v1`;
    for (const shard of Object.values(manifest.splits).flatMap(({ shards }) => shards)) {
      const bytes = await readFile(path.join(folder, shard.path));
      if (sha256(bytes) !== shard.sha256) return `${shard.path} isn't what the manifest says`;
    }
    return null;
  } catch (error) {
    return error.message;
  }
}
