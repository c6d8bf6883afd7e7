import { policySchema } from '../../domain/policy/policy.ts';
import type { InstantiationReport, InstantiationRequest } from '../../domain/ports/instantiator.ts';
import { contract } from '../domain/submission-examples.ts';

export const report: InstantiationReport = {
  stage: 'done',
  failure: null,
  parameters: 43_648,
  buffers: 10,
  asked: { rows: 2, length: 128, vocab: 256 },
  output: { type: 'Tensor', shape: [2, 128, 256], dtype: 'float32' },
  probes: [
    { repeatMicroNats: 0, lookaheadMicroNats: 0, seconds: 0.02 },
    { repeatMicroNats: 0, lookaheadMicroNats: 1, seconds: 0.01 },
  ],
  behaviour: 'b'.repeat(64),
  cpuSeconds: 1.25,
  peakRssBytes: 300_000_000,
};

/** As the runner writes it. */
export function reportLine(more: object = {}): string {
  return JSON.stringify({ schema: 'prism_instantiation.v1', ...report, ...more });
}

export const request: InstantiationRequest = {
  submissionId: 's',
  codeHash: 'c'.repeat(64),
  contract,
  bundle: Buffer.from('architecture.py\0' + '1\0a'),
};

export const policy = policySchema.parse({ limits: { memoryBytes: 2 ** 30 }, instantiation: { cpuSeconds: 2 } });
