import { Readable } from 'node:stream';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import { type Inspector, InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { bundleReader, StoredBundleError } from '../../gates/bundle-reader.ts';
import { contractGateVersion } from '../../gates/contract-rules.ts';
import { packFiles } from '../../gates/pack.ts';
import { contractGate } from '../../gates/run-gate.ts';
import { fakeInspector } from './fake-inspector.ts';

const sha256 = 'a'.repeat(64);
const archive = packFiles([
  { path: 'architecture.py', bytes: Buffer.from('a') },
  { path: 'training.py', bytes: Buffer.from('t') },
]);
const submission: LivingState = {
  phase: 'gate',
  gate: 'contract',
  deferral: null,
  identity: {
    submissionId: 's',
    hotkey: 'h',
    codeHash: 'c'.repeat(64),
    bundle: { sha256, bytes: archive.length, keyId: null },
    receivedAt: '2026-01-01T00:00:00.000Z',
    epoch: 0,
  },
  contract: null,
  runs: [],
  expiredHolds: 0,
  publishBlind: false,
};
const active = { version: 1, policy: policySchema.parse({}) };

function gate(inspector: Inspector, stored: Uint8Array = archive) {
  const readBundle = bundleReader({
    put: async () => submission.identity.bundle,
    open: async (asked) => Readable.from(asked === sha256 ? [stored.subarray(0, 10), stored.subarray(10)] : []),
    has: async () => true,
  });
  return contractGate(readBundle, inspector)(submission, active);
}

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

describe('the contract gate', () => {
  it('resolves a stored bundle', async () => {
    expect(await gate(fakeInspector())).to.include({ kind: 'resolved', gateVersion: contractGateVersion });
  });

  it('fails one that breaks the contract, with findings', async () => {
    const result = await gate(fakeInspector({ 'training.py': { symbols: [] } }));
    expect(result.kind === 'failed' && result.findings[0]?.rule).to.equal('prism:contract-symbol-missing');
  });

  it('throws, and gives no verdict, while the inspector cannot be asked', async () => {
    const down = new InspectorUnavailableError('down');
    expect(await thrownBy(gate({ inspect: () => Promise.reject(down) }))).to.equal(down);
  });

  it('throws if the inspector answers about something else', async () => {
    expect(await thrownBy(gate({ inspect: async () => [] }))).to.be.instanceOf(InspectorUnavailableError);
  });

  it('throws if a stored archive breaks a rule of intake: that is ours', async () => {
    expect(await thrownBy(gate(fakeInspector(), Buffer.concat([archive, archive])))).to.be.instanceOf(
      StoredBundleError,
    );
  });
});
