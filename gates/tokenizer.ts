import type { ActivePolicy } from '../domain/policy/policy.ts';
import { ownTokenizers, type Tokenizer, type TokenizerClass, tokenizerClass } from '../domain/tokenizer.ts';
import type { ContractRule, Place } from './contract-rules.ts';
import { problemOfTokenizer } from './declared-tokenizer.ts';
import { declared, type Reading, shown } from './manifest-reading.ts';

/** The policy as this deployment can keep it: `llama` wants a model file, and without one it isn't offered. */
export function offeredHere({ version, policy }: ActivePolicy, available: readonly TokenizerClass[]): ActivePolicy {
  const tokenizers = policy.tokenizers.filter((offered) => available.includes(offered));
  return { version, policy: { ...policy, tokenizers } };
}

/** The manifest's tokenizer, `bytes` where it names none. One that isn't offered is never replaced by another. */
export function resolveTokenizer(reading: Reading, offered: readonly TokenizerClass[]): Tokenizer {
  const value = declared(reading.manifest.values, 'tokenizer') ?? 'bytes';
  const place = reading.manifest.placeOf(['tokenizer']);
  const object = (rule: ContractRule, seen: string, where: Place = place): Tokenizer => {
    reading.report(rule, where, seen);
    return 'bytes';
  };
  const offer = `It offers ${offered.join(', ')}.`;
  const tokenizer = named(value, reading);
  if (tokenizer === null) return object('prism:contract-tokenizer-unknown', `It is ${shown(value)}. ${offer}`);
  if (!offered.includes(tokenizerClass(tokenizer))) {
    const what = typeof tokenizer === 'string' ? shown(value) : `a file of the bundle, ${shown(value)}`;
    return object('prism:contract-tokenizer-not-offered', `It is ${what}. ${offer}`);
  }
  if (typeof tokenizer === 'string') return tokenizer;
  const { path } = tokenizer.bpe;
  const bytes = reading.files.get(path);
  if (bytes === undefined) return object('prism:contract-declared-file-missing', `${shown(path)} (tokenizer).`);
  const problem = path.endsWith('.json') ? problemOfTokenizer(bytes) : 'its name must end in .json';
  return problem === null ? tokenizer : object('prism:contract-tokenizer-file', `${problem}.`, { path });
}

/** A path that ends in `.json` means a file of the bundle, there or not; so does any other file's, for the finding's sake. */
function named(value: unknown, { files }: Reading): Tokenizer | null {
  if (typeof value !== 'string') return null;
  const own = ownTokenizers.find((candidate) => candidate === value);
  if (own !== undefined) return own;
  return value.endsWith('.json') || files.has(value) ? { bpe: { path: value } } : null;
}
