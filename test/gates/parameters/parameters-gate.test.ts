import { expect } from 'chai';
import { codeHash } from '../../../domain/bundle.ts';
import { type PolicyDraft, policySchema } from '../../../domain/policy/policy.ts';
import {
  type Instantiate,
  type InstantiationRequest,
  InstantiationUnavailableError,
} from '../../../domain/ports/instantiator.ts';
import type { LivingState } from '../../../domain/submission/state.ts';
import { parametersGate } from '../../../gates/parameters/parameters-gate.ts';
import { contract } from '../../domain/submission-examples.ts';
import { report } from '../../executor/instantiation-examples.ts';

const files = [{ path: 'architecture.py', bytes: Buffer.from('a') }];
const reference = { sha256: 'a'.repeat(64), bytes: 1, keyId: null };
const submission: LivingState = {
  ...{ phase: 'gate', gate: 'parameters', deferral: null, sketchVersion: null, contract, runs: [] },
  ...{ expiredHolds: 0, publishBlind: false, originals: [] },
  identity: {
    ...{ submissionId: 's', hotkey: 'h', codeHash: codeHash(files), bundle: reference, epoch: 0 },
    receivedAt: '2026-01-01T00:00:00.000Z',
  },
};
const active = (draft: PolicyDraft = {}) => ({ version: 1, policy: policySchema.parse(draft) });

function gate(instantiate: Instantiate) {
  const stored: string[] = [];
  const asked: InstantiationRequest[] = [];
  const stopping = new AbortController();
  const ask = parametersGate({
    readBundle: async () => files,
    blobs: {
      put: async (content) => {
        stored.push(String(content));
        return reference;
      },
    },
    stopping: stopping.signal,
    instantiate: (request, policy, signal) => {
      asked.push(request);
      return instantiate(request, policy, signal);
    },
  });
  return { ask, asked, stored };
}

describe('The parameters gate', () => {
  it('passes an honest model, and keeps what was seen of it', async () => {
    const { ask, asked, stored } = gate(async () => ({ kind: 'reported', report }));
    expect(await ask(submission, active())).to.deep.equal({
      ...{ kind: 'passed', gateVersion: 'parameters/2', findings: [], evidence: reference },
      behaviour: report.behaviour,
    });
    expect(asked[0]?.bundle).to.deep.equal(Buffer.from('architecture.py\0' + '1\0a'));
    const [evidence] = stored.map((text) => JSON.parse(text));
    expect(evidence.instantiated).to.deep.equal({ kind: 'reported', report });
    expect(evidence.throughput.tokensPerSecond).to.be.greaterThan(0);
  });

  it('fails one that is too large, with evidence', async () => {
    const { ask } = gate(async () => ({ kind: 'reported', report: { ...report, parameters: 150_000_001 } }));
    const result = await ask(submission, active());
    expect(result.kind === 'failed' && result.findings.map(({ rule }) => rule)).to.deep.equal(['prism:parameters-cap']);
    expect(result).to.include({ evidence: reference });
  });

  it('looks once at the same content, contract and limits, and again where one of them changes', async () => {
    const { ask, asked } = gate(async () => ({ kind: 'reported', report }));
    await ask(submission, active());
    await ask({ ...submission, identity: { ...submission.identity, submissionId: 'again' } }, active());
    expect(asked).to.have.length(1);
    await ask(submission, active({ limits: { maxParameters: 10 } }));
    await ask({ ...submission, contract: { ...contract, tokenizer: 'gpt2' } }, active());
    expect(asked).to.have.length(3);
  });

  it('gives no verdict where it is our fault, and asks anew', async () => {
    const down = new InstantiationUnavailableError('down');
    const { ask, asked } = gate(() => Promise.reject(down));
    for (const times of [1, 2]) {
      const thrown = await ask(submission, active()).catch((error: unknown) => error);
      expect(thrown).to.equal(down);
      expect(asked).to.have.length(times);
    }
  });
});
