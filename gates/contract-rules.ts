import type { Finding } from '../domain/submission/events.ts';

/** Changes whenever the contract gate may judge a bundle differently; recorded with every verdict. */
export const contractGateVersion = 'contract/2';

/** The closed list of what contract resolution finds (CONTRACT §1). */
export const contractRules = {
  'prism:contract-xz-size': "The bundle compressed by xz is larger than this deployment's policy allows.",
  'prism:contract-manifest-twice': 'Both prism.yaml and prism.yml are present; keep one.',
  'prism:contract-manifest-size': 'The manifest is larger than 16,384 bytes.',
  'prism:contract-manifest-syntax': 'The manifest is not one well-formed YAML document in UTF-8.',
  'prism:contract-manifest-value': 'A value of the manifest has the wrong form.',
  'prism:contract-manifest-key': 'A key of the manifest is unknown and looks like one that counts.',
  'prism:contract-kind': 'The kind must be full, architecture_only or training_for_arch.',
  'prism:contract-entrypoint': 'An entrypoint must be `path.py` or `path.py::symbol`.',
  'prism:contract-script-missing': 'A script of the contract is not in the bundle.',
  'prism:contract-same-script': 'Architecture and training must be two distinct scripts.',
  'prism:contract-symbol-conflict': "A role's symbol is declared twice, differently.",
  'prism:contract-symbol-name': 'A symbol must be a Python identifier.',
  'prism:contract-symbol-missing': 'A script does not define its symbol at top level.',
  'prism:contract-symbol-not-callable': 'A symbol is not callable.',
  'prism:contract-declared-file-missing': 'A declared file is not in the bundle.',
  'prism:contract-tokenizer-unknown': 'The tokenizer is not one that the contract knows.',
  'prism:contract-tokenizer-not-offered': "This deployment's policy does not offer the tokenizer.",
  'prism:contract-tokenizer-file': 'The declared tokenizer is not a `.json` file of form prism_bpe.v1.',
  'prism:contract-python-syntax': 'A Python file cannot be parsed.',
} as const;

export type ContractRule = keyof typeof contractRules;

export type Place = { readonly path: string | null; readonly line?: number | null; readonly column?: number | null };

/** `seen` says what was found there; it is cut so that a finding stays a finding. */
export function finding(rule: ContractRule, place: Place, seen?: string): Finding {
  const explanation = seen === undefined ? contractRules[rule] : `${contractRules[rule]} ${cut(seen)}`;
  return {
    rule,
    path: place.path,
    line: place.line ?? null,
    column: place.column ?? null,
    node: null,
    excerptHash: null,
    explanation,
  };
}

/** What a bundle that breaks the contract gets: at least one finding. */
export type Failed = { readonly kind: 'failed'; readonly findings: readonly Finding[] };

export function failed(...findings: readonly Finding[]): Failed {
  return { kind: 'failed', findings };
}

function cut(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return clean.length > 600 ? `${clean.slice(0, 600)}…` : clean;
}
