import type { ResolvedContract } from '../domain/submission/events.ts';
import { declared, type Reading, shown } from './manifest-reading.ts';

export type Tokenizer = ResolvedContract['tokenizer'];

/** The tokenizers this version can load at all; policy offers some of them. */
const loadable = ['bytes', 'gpt2'] as const satisfies readonly Tokenizer[];

/**
 * The manifest's tokenizer, `bytes` where it names none. `llama` and declarative files of the bundle are in the contract,
 * but no deployment of this version offers them: that is said as such, and never replaced by another.
 */
export function resolveTokenizer(reading: Reading, offered: readonly Tokenizer[]): Tokenizer {
  const value = declared(reading.manifest.values, 'tokenizer') ?? 'bytes';
  const tokenizer = loadable.find((candidate) => candidate === value);
  if (tokenizer !== undefined && offered.includes(tokenizer)) return tokenizer;
  const offer = `It offers ${offered.join(', ')}.`;
  if (tokenizer !== undefined || value === 'llama') {
    reading.report(
      'prism:contract-tokenizer-not-offered',
      reading.manifest.placeOf(['tokenizer']),
      `It is ${shown(value)}. ${offer}`,
    );
  } else if (typeof value === 'string' && reading.files.has(value)) {
    reading.report(
      'prism:contract-tokenizer-not-offered',
      reading.manifest.placeOf(['tokenizer']),
      `It is a file of the bundle, ${shown(value)}. ${offer}`,
    );
  } else {
    reading.report(
      'prism:contract-tokenizer-unknown',
      reading.manifest.placeOf(['tokenizer']),
      `It is ${shown(value)}. ${offer}`,
    );
  }
  return 'bytes';
}
