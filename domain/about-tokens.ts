import type { ResolvedContract } from './submission/events.ts';

/** Raw bytes that a token stands for; of `gpt2` in English prose, about. */
const bytesPerToken = { bytes: 1, gpt2: 4 } as const satisfies Record<ResolvedContract['tokenizer'], number>;

/** How many tokens a stream has, about: for whom it matters before anything is tokenised. */
export function aboutTokens(streamBytes: number, tokenizer: ResolvedContract['tokenizer']): number {
  return Math.ceil(streamBytes / bytesPerToken[tokenizer]);
}
