import { Readable } from 'node:stream';
import { expect } from 'chai';
import { type PolicyDraft, policySchema } from '../../domain/policy/policy.ts';
import type { BundleMeter } from '../../domain/ports/bundle-meter.ts';
import { type Inspector, InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { bundleReader, StoredBundleError } from '../../gates/bundle-reader.ts';
import { contractGateVersion } from '../../gates/contract-rules.ts';
import { packFiles } from '../../gates/pack.ts';
import { rememberingInspector } from '../../gates/read-modules.ts';
import { recentResults } from '../../gates/recent-results.ts';
import { storedBundleGates } from '../../gates/run-gate.ts';
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
  sketchVersion: null,
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
  originals: [],
};
const active = { version: 1, policy: policySchema.parse({}) };

function gate(inspector: Inspector & BundleMeter, stored: Uint8Array = archive) {
  const readBundle = bundleReader({
    put: async () => submission.identity.bundle,
    open: async (asked) => Readable.from(asked === sha256 ? [stored.subarray(0, 10), stored.subarray(10)] : []),
    has: async () => true,
  });
  return storedBundleGates(readBundle, inspector)('contract', submission, active);
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
    expect(await thrownBy(gate({ ...fakeInspector(), inspect: () => Promise.reject(down) }))).to.equal(down);
  });

  it('throws if the inspector answers about something else', async () => {
    expect(await thrownBy(gate({ ...fakeInspector(), inspect: async () => [] }))).to.be.instanceOf(
      InspectorUnavailableError,
    );
  });

  it('throws if a stored archive breaks a rule of intake: that is ours', async () => {
    expect(await thrownBy(gate(fakeInspector(), Buffer.concat([archive, archive])))).to.be.instanceOf(
      StoredBundleError,
    );
  });
});

describe('the gates of stored bundles', () => {
  const counting = () => {
    const asked: string[][] = [];
    const { inspect, xzBytes } = fakeInspector();
    const inspector: Inspector & BundleMeter = {
      xzBytes,
      inspect: (sources) => {
        asked.push(sources.map(({ path }) => path));
        return inspect(sources);
      },
    };
    return { asked, inspector };
  };
  const read = async () => [
    { path: 'architecture.py', bytes: Buffer.from('a') },
    { path: 'training.py', bytes: Buffer.from('t') },
  ];
  const policyOf = (draft: PolicyDraft) => ({ version: 1, policy: policySchema.parse(draft) });

  it('judge the same content under the same rules once', async () => {
    const { asked, inspector } = counting();
    const run = storedBundleGates(read, inspector);
    const first = await run('static', submission, active);
    expect(first).to.deep.equal({ kind: 'passed', gateVersion: 'static/2', evidence: null });
    expect(await run('static', submission, { ...active, version: 2 })).to.equal(first);
    expect(asked).to.have.length(1);
    await run('static', submission, policyOf({ staticRules: { importRoots: ['torch'] } }));
    expect(asked).to.have.length(2);
  });

  it('share one reading of a bundle where the inspector remembers it', async () => {
    const { asked, inspector } = counting();
    const run = storedBundleGates(read, rememberingInspector(inspector, 2));
    const resolved = await run('contract', submission, active);
    if (resolved.kind !== 'resolved') return expect.fail(resolved.kind);
    await run('static', { ...submission, contract: resolved.contract }, active);
    await run('distributed', { ...submission, contract: resolved.contract }, active);
    expect(asked).to.deep.equal([['architecture.py', 'training.py']]);
  });

  it('ask again after a fault', async () => {
    let faults = 1;
    const { inspect, xzBytes } = fakeInspector();
    const inspector: Inspector & BundleMeter = {
      xzBytes,
      inspect: async (sources) => {
        if (faults-- > 0) throw new InspectorUnavailableError('down');
        return inspect(sources);
      },
    };
    const run = storedBundleGates(read, rememberingInspector(inspector, 2));
    expect(await thrownBy(run('static', submission, active))).to.be.instanceOf(InspectorUnavailableError);
    expect(await run('static', submission, active)).to.include({ kind: 'passed' });
  });

  it('forget what was asked for longest ago', async () => {
    const recent = recentResults<string>(2);
    const found: string[] = [];
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) {
      await recent(key, async () => {
        found.push(key);
        return key;
      });
    }
    expect(found).to.deep.equal(['a', 'b', 'c', 'b']);
  });
});
