import { expect } from 'chai';
import type { BundleFile } from '../../domain/bundle.ts';
import { canonicalBundle } from '../../domain/bundle.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { withXzCap } from '../../gates/xz-cap.ts';
import { givenSubmission } from '../domain/given-when-then.ts';
import { activePolicy, contract, queued } from '../domain/submission-examples.ts';

const passed: GateResult = { kind: 'resolved', contract, gateVersion: 'a gate' };

describe('the cap on the compressed bundle', () => {
  const files: readonly BundleFile[] = [{ path: 'training.py', bytes: Buffer.alloc(100_000, 'x') }];

  /** What comes of a bundle that compresses to so many bytes; null: nobody can say. */
  async function judged(xzBytes: number | null, bundleXzBytes?: number | null, bundle = files) {
    const asked: number[] = [];
    const meter = {
      async xzBytes(bytes: Uint8Array) {
        asked.push(bytes.byteLength);
        if (xzBytes === null) throw new InspectorUnavailableError('it is away');
        return xzBytes;
      },
    };
    const draft: PolicyDraft = bundleXzBytes === undefined ? {} : { limits: { bundleXzBytes } };
    const gate = withXzCap(
      async () => passed,
      async () => bundle,
      meter,
    );
    const { state } = livingState();
    return { result: await gate(state, activePolicy(draft)), asked };
  }

  it('rejects what is larger, with both numbers', async () => {
    const { result, asked } = await judged(131_073);
    if (result.kind !== 'failed') return expect.fail(result.kind);
    expect(asked).to.deep.equal([canonicalBundle(files).byteLength]);
    expect(result.findings.map(({ rule }) => rule)).to.deep.equal(['prism:contract-xz-size']);
    expect(result.findings[0]?.explanation).to.include('131073 bytes, the cap is 131072');
  });

  it('lets the gate judge what isn’t, and everything where policy has no cap', async () => {
    expect((await judged(131_072)).result).to.equal(passed);
    expect(await judged(1e9, null)).to.deep.equal({ result: passed, asked: [] });
    expect((await judged(1_001, 1_000)).result.kind).to.equal('failed');
  });

  it('measures nothing that is too small to exceed it', async () => {
    const small = [{ path: 'training.py', bytes: Buffer.alloc(60_000) }];
    expect(await judged(1e9, undefined, small)).to.deep.equal({ result: passed, asked: [] });
  });

  it('is no verdict where nobody can measure', async () => {
    expect(await judged(null).catch((error: Error) => error)).to.be.instanceOf(InspectorUnavailableError);
  });
});

function livingState(): { readonly state: LivingState } {
  const { state } = givenSubmission(...queued);
  if (state.phase === 'absent') throw new Error('nothing was received');
  return { state };
}
