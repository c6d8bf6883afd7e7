import { type Tokenizer, type TokenizerClass, tokenizerClass } from './tokenizer.ts';

/** Raw bytes that a token stands for; of `gpt2` and `llama` in English prose, about; of declared ones, which are the bundle's, the least. */
const bytesPerToken = { bytes: 1, gpt2: 4, llama: 4, declared: 1 } as const satisfies Record<TokenizerClass, number>;

/** How many tokens a stream has, about: for whom it matters before anything is tokenised. */
export function aboutTokens(streamBytes: number, tokenizer: Tokenizer): number {
  return Math.ceil(streamBytes / bytesPerToken[tokenizerClass(tokenizer)]);
}
