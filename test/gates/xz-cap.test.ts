import { expect } from 'chai';
import { type BundleFile, canonicalBundle } from '../../domain/bundle.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import { InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import { bundleGates } from '../../gates/bundle-gates.ts';
import { rememberingInspector } from '../../gates/read-modules.ts';
import { fakeInspector } from './fake-inspector.ts';

describe('the cap on the compressed bundle', () => {
  const scripts = ['architecture.py', 'training.py'].map((path) => ({ path, bytes: Buffer.from('x') }));
  const files: readonly BundleFile[] = [...scripts, { path: 'notes.txt', bytes: Buffer.alloc(100_000, 'x') }];

  /** What the contract gate says of a bundle that compresses to so many bytes; null: nobody can say. */
  async function judged(xzBytes: number | null, bundleXzBytes?: number | null, bundle = files) {
    const asked: number[] = [];
    const inspector = {
      ...fakeInspector(),
      async xzBytes(bytes: Uint8Array) {
        asked.push(bytes.byteLength);
        if (xzBytes === null) throw new InspectorUnavailableError('it is away');
        return xzBytes;
      },
    };
    const policy = policySchema.parse(bundleXzBytes === undefined ? {} : { limits: { bundleXzBytes } });
    const judge = { files: bundle, contract: null };
    return { result: await bundleGates.contract.judge(judge, policy, rememberingInspector(inspector, 1)), asked };
  }

  it('rejects what is larger, with both numbers', async () => {
    const { result, asked } = await judged(131_073);
    if (result.kind !== 'failed') return expect.fail(result.kind);
    expect(asked).to.deep.equal([canonicalBundle(files).byteLength]);
    expect(result.findings.map(({ rule }) => rule)).to.deep.equal(['prism:contract-xz-size']);
    expect(result.findings[0]?.explanation).to.include('131073 bytes, the cap is 131072');
  });

  it('lets the gate judge what isn’t, and everything where policy has no cap', async () => {
    expect((await judged(131_072)).result.kind).to.equal('resolved');
    const uncapped = await judged(1e9, null);
    expect([uncapped.result.kind, uncapped.asked]).to.deep.equal(['resolved', []]);
    expect((await judged(1_001, 1_000)).result.kind).to.equal('failed');
  });

  it('measures nothing that is too small to exceed it', async () => {
    const small = await judged(1e9, undefined, [...scripts, { path: 'notes.txt', bytes: Buffer.alloc(60_000) }]);
    expect([small.result.kind, small.asked]).to.deep.equal(['resolved', []]);
  });

  it('is no verdict where nobody can measure', async () => {
    expect(await judged(null).catch((error: Error) => error)).to.be.instanceOf(InspectorUnavailableError);
  });
});
