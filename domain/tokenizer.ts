import { z } from 'zod';

/** The challenge's own tokenizers, by name. `llama` needs a model file that a deployment has or hasn't. */
export const ownTokenizers = ['bytes', 'gpt2', 'llama'] as const;

/** What policy offers, and samples rows by: all files that bundles declare are one class, whatever is in them. */
export const tokenizerClasses = [...ownTokenizers, 'declared'] as const;
export type TokenizerClass = (typeof tokenizerClasses)[number];

/** As contract and run spec have it (gpu-runner/PROTOCOL.md §1): by name, or by the bundle's file. */
export const tokenizerSchema = z.union([
  z.enum(ownTokenizers),
  z.strictObject({ bpe: z.strictObject({ path: z.string().max(4_096).endsWith('.json') }) }),
]);
export type Tokenizer = z.infer<typeof tokenizerSchema>;

export function tokenizerClass(tokenizer: Tokenizer): TokenizerClass {
  return typeof tokenizer === 'string' ? tokenizer : 'declared';
}

/** As records and `ctx.reference_tokenizer` name it: a declared one by its path. */
export function tokenizerName(tokenizer: Tokenizer): string {
  return typeof tokenizer === 'string' ? tokenizer : tokenizer.bpe.path;
}
