import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoSeasonSecret } from '../../cli/runtime.ts';
import { type BundleFile, canonicalBundle, codeHash } from '../../domain/bundle.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import { buildRunSpec, type RunnerFacts } from '../../executor/run-spec.ts';

export type HarnessCase = { readonly model: 'transformer' | 'gru'; readonly vocab: number };

const tokensFile = 'tokens.json';
const day = 86_400;
/** One torch thread a process. */
const threads = 1;

/** Writes spec and bundle of both refereed contenders, as an executor would hand them to a referee under the default policy. */
export async function writeGiven(
  folder: string,
  bench: string,
  { model, vocab }: HarnessCase,
  streamBytes: number,
  runner: RunnerFacts,
): Promise<void> {
  const files = await bundleFiles(join(bench, 'bundle'), vocab);
  const policy = policySchema.parse({ streamBytes });
  for (const [name, symbol] of [
    ['scored', 'train'],
    ['reused', 'train_reusing'],
  ] as const) {
    const spec = buildRunSpec({
      key: { submissionId: `bench-${name}`, run: 'score', attempt: 1, fencingToken: 1 },
      purpose: 'score',
      codeHash: codeHash(files),
      contract: contractOf(`${model}.py`, symbol),
      policy,
      limits: { ...policy.limits, defaultSeqLen: 256, budgetSeconds: day, frameSeconds: day, timeoutSeconds: 2 * day },
      density: policy.integrity.run,
      runner,
      seasonSecret: Buffer.from(demoSeasonSecret, 'hex'),
      cutSecret: Buffer.alloc(32, 7), // The same decoys in every run of the bench.
      deviceClass: 'cpu',
      threads,
    });
    const tokenizer = vocab === 256 ? spec.tokenizer : { bpe: { path: tokensFile } };
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'spec.json'), JSON.stringify({ ...spec, tokenizer }));
    await writeFile(join(folder, name, 'bundle'), canonicalBundle(files));
  }
}

function contractOf(architecture: string, symbol: string): ResolvedContract {
  const files = { files: [], fingerprint: '0'.repeat(64) };
  return {
    ...{ kind: 'full', architectureId: null, name: null, tokenizer: 'bytes' },
    architecture: { entrypoint: architecture, symbol: 'build_model', ...files },
    training: { entrypoint: 'training.py', symbol, ...files },
  };
}

async function bundleFiles(folder: string, vocab: number): Promise<readonly BundleFile[]> {
  const names = await readdir(folder);
  const read = names.map(async (path) => ({ path, bytes: await readFile(join(folder, path)) }));
  return [...(await Promise.all(read)), { path: tokensFile, bytes: Buffer.from(JSON.stringify(idleMerges(vocab))) }];
}

/** Bytes that UTF-8 never has. */
const neverInText = [0xc0, 0xc1, ...Array.from({ length: 11 }, (_, index) => 0xf5 + index)];

/** A declared tokenizer of V tokens of which text only ever uses the 256 bytes: one byte a token whatever V is. */
function idleMerges(vocab: number): object {
  const pairs = [...new Array(256).keys()].flatMap((byte) =>
    neverInText.flatMap((never) =>
      neverInText.includes(byte)
        ? [[never, byte]]
        : [
            [never, byte],
            [byte, never],
          ],
    ),
  );
  return { schema: 'prism_bpe.v1', merges: pairs.slice(0, vocab - 256) };
}
