import type { Expected } from './cases.ts';

const tests = { blindMean: 'the blind mean', signedDifferences: 'signed differences', rerun: 'a rerun' } as const;

/** An outcome as test titles and documents say it. */
export function inWords(expected: Expected): string {
  switch (expected.kind) {
    case 'confirmed':
      return 'confirmed';
    case 'asTwin':
      return 'measured as without it';
    case 'noBetter':
      return 'no better than without it';
    case 'gainsAtMost':
      return `${expected.bytes} bytes better than without it at most`;
    case 'failed':
      return `failed for ${expected.verdict}`;
    case 'heldForIntegrity':
      return `held, found by ${tests[expected.by]}`;
    case 'measuredOnVal':
      return 'measured on val and confirmed, nothing found and nothing kept';
    case 'comparedWithUniform':
      return 'measured; delta is what it saves of eight bits a byte';
    case 'gainsNothing':
      return 'held, or ranked no better than without it';
  }
}
