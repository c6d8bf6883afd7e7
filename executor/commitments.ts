/** `prism_commitments.v1` (PROTOCOL.md §3): what an attempt had committed to when it ended, however it ended. */
import { z } from 'zod';
import { digestSchema } from '../domain/values.ts';
import { platformDigest, platformSchema } from './provenance.ts';

/** Seventy bytes a group; as large as the record may be. */
export const commitmentsLimitBytes = 256 * 2 ** 20;

/** Logits in the order of the record's groups; `platform` as in `AttemptCompleted`. */
export type Commitments = { readonly platform: string; readonly logits: readonly string[] };

const headerSchema = z.strictObject({
  schema: z.literal('prism_commitments.v1'),
  runnerDigest: digestSchema,
  platform: platformSchema,
});

/**
 * The whole lines up to the first that is none: the file was never synced, and a host that died may have left anything. Null where that is
 * nothing; it is a hint, and no attempt may fail for the lack of it.
 */
export function readCommitments(bytes: Uint8Array): Commitments | null {
  const [first, ...lines] = Buffer.from(bytes).toString('utf8').split('\n').slice(0, -1).map(parsed);
  const header = headerSchema.safeParse(first);
  const digests = lines.map((line) => digestSchema.safeParse(line));
  const end = digests.findIndex(({ success }) => !success);
  const logits = digests.slice(0, end < 0 ? undefined : end).flatMap(({ data }) => data ?? []);
  if (!header.success || logits.length === 0) return null;
  return { platform: platformDigest(header.data), logits };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
