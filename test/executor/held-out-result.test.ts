import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { readHeldOutResult, storedMeasurement } from '../../executor/held-out-result.ts';
import { readRunFiles } from '../../executor/read-run-files.ts';
import type { HeldOutRunSpec, RunSpec } from '../../executor/run-spec.ts';
import { bytesOf, examining } from './run-examples.ts';

type Draft = Record<string, Record<string, Record<string, unknown> & unknown>>;

const fixture = (path: string) => readFile(`gpu-runner/fixtures/${path}.json`);
const specOf = async (name: string): Promise<HeldOutRunSpec> =>
  JSON.parse(String(await fixture(`heldout/${name}.spec`)));
const read = async (name: string) => readHeldOutResult(await fixture(`heldout/${name}`), await specOf(name));

describe('readHeldOutResult on what a referee wrote', () => {
  it('takes a measured val side, in whole hundreds of microbits', async () => {
    const { reading, measured } = await read('val');
    expect(reading).to.deep.equal({ kind: 'completed' });
    const written = JSON.parse(String(await fixture('heldout/val')));
    const { trained, twin, delta, ...counts } = measured?.measurement ?? expect.fail('nothing was measured');
    expect(trained.microBitsPerByte).to.equal(Math.round(written.trained.bitsPerByte * 1e4) * 100);
    expect(delta?.microBitsPerByte).to.be.closeTo((twin?.microBitsPerByte ?? 0) - trained.microBitsPerByte, 100);
    expect(counts).to.deep.equal({ side: 'val', stateDigest: written.stateDigest, ...written.counts });
    expect(storedMeasurement(await fixture('heldout/val'))).to.deep.equal(measured?.measurement);
  });

  it('takes a measured train side, which has no twin', async () => {
    const { measured } = await read('train');
    expect(measured?.measurement).to.deep.include({ side: 'train', twin: null, delta: null, cuts: 0 });
  });

  it('takes a crash and a contestant that looks ahead as theirs, without a word of what they said', async () => {
    const nothing = { where: null, message: null };
    expect((await read('crashed')).reading).to.deep.equal({ kind: 'failed', verdict: 'exception', ...nothing });
    expect((await read('disagreed')).reading).to.deep.equal({ kind: 'failed', verdict: 'causality', ...nothing });
  });

  it('takes what was lost or went wrong on our side as that', async () => {
    const spec = await specOf('crashed');
    const said = async (changes: object) => {
      const written: object = JSON.parse(String(await fixture('heldout/crashed')));
      return readHeldOutResult(bytesOf({ ...written, ...changes }), spec).reading;
    };
    expect(await said({ verdict: 'lost', reason: 'frame' })).to.deep.include({ kind: 'lost', phase: 'frame' });
    expect((await said({ verdict: 'fault', reason: 'LockedFileError', contestant: null })).kind).to.equal('fault');
    expect((await said({ reason: 'solar flares' })).kind).to.equal('invalid');
    expect(readHeldOutResult(null, spec).reading).to.deep.equal({ kind: 'none' });
  });
});

describe('readHeldOutResult refuses as invalid', () => {
  const invalid = async (name: string, change: (draft: Draft) => void) => {
    const draft: Draft = JSON.parse(String(await fixture(`heldout/${name}`)));
    change(draft);
    const { reading, measured } = readHeldOutResult(bytesOf(draft), await specOf(name));
    expect(measured).to.equal(null);
    return reading.kind === 'invalid' ? reading.problem : expect.fail(`taken as ${reading.kind}`);
  };

  it('another attempt’s result, another state’s, and the other side’s', async () => {
    expect(
      await invalid('val', (draft) => {
        Object.assign(draft.provenance ?? {}, { attempt: 2 });
      }),
    ).to.include('provenance.attempt');
    expect(await invalid('val', (draft) => void Object.assign(draft, { stateDigest: '0'.repeat(64) }))).to.include(
      'stateDigest',
    );
    expect(await invalid('val', (draft) => void Object.assign(draft, { side: 'train' }))).to.include('side');
  });

  it('numbers that are missing, contradict each other, or aren’t what was asked', async () => {
    const changes: readonly (readonly [string, 'val' | 'train', object, string])[] = [
      ['no numbers', 'val', { trained: null }, 'missing'],
      ['no twin on val', 'val', { twin: null }, 'twin'],
      ['no delta on val', 'val', { delta: null }, 'delta'],
      ['a twin on train', 'train', { twin: { bitsPerByte: 8, standardErrorBpb: 0 } }, 'twin'],
      ['another delta', 'val', { delta: { bitsPerByte: 6.1865, standardErrorBpb: 0.01 } }, 'delta'],
      ['a negative code length', 'train', { trained: { bitsPerByte: -1, standardErrorBpb: 0 } }, 'below 0'],
      ['too much text', 'train', { counts: { documents: 9, bytes: 6_001, tokens: 9, cuts: 0 } }, '6001 bytes'],
      ['no text', 'train', { counts: { documents: 0, bytes: 0, tokens: 0, cuts: 0 } }, '0 bytes'],
      ['too few cuts', 'val', { counts: { documents: 9, bytes: 9, tokens: 9, cuts: 255 } }, '255 cuts'],
      ['cuts on train', 'train', { counts: { documents: 9, bytes: 9, tokens: 9, cuts: 1 } }, '1 cuts'],
      ['a word of somebody', 'val', { message: 'hello' }, 'another shape'],
    ];
    for (const [what, name, change, problem] of changes) {
      expect(await invalid(name, (draft) => void Object.assign(draft, change)), what).to.include(problem);
    }
  });

  it('what is no JSON, or cut short', async () => {
    const whole = await fixture('heldout/val');
    for (const bytes of [Buffer.from('{'), whole.subarray(0, -1)]) {
      expect(readHeldOutResult(bytes, await specOf('val')).reading.kind).to.equal('invalid');
    }
  });
});

describe('readRunFiles on a run that was asked for its state', () => {
  const readExported = async (state: { sha256: string; bytes: number } | null, changes: Partial<RunSpec> = {}) => {
    const [manifest, record, cuts, spec] = await Promise.all(
      ['manifest', 'record', 'cuts', 'spec'].map((name) => fixture(`exported/${name}`)),
    );
    const asked: RunSpec = { ...JSON.parse(String(spec)), ...changes };
    const files = { manifest: manifest ?? null, record: record ?? null, cuts: cuts ?? null };
    const stored = state === null ? null : { ...state, keyId: null };
    return readRunFiles(files, asked, examining, stored);
  };
  const manifest = async () => JSON.parse(String(await fixture('exported/manifest')));

  it('takes it with the state that the manifest names, and what the audit said', async () => {
    const { stateDigest: sha256, export: exported, anti_cheat } = await manifest();
    const { reading, measured } = await readExported({ sha256, bytes: exported.bytes });
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(measured?.state).to.deep.equal({ sha256, bytes: exported.bytes, keyId: null });
    expect(measured?.seedAudit).to.deep.equal(anti_cheat.seed_audit);
  });

  it('takes another state, none, or one that nobody asked for as a fault of ours', async () => {
    const { stateDigest: sha256, export: exported } = await manifest();
    const { bytes } = exported;
    const kinds = [
      await readExported(null),
      await readExported({ sha256: '0'.repeat(64), bytes }),
      await readExported({ sha256, bytes: bytes + 1 }),
      await readExported({ sha256, bytes }, { exportState: false }),
    ].map(({ reading }) => reading.kind);
    expect(new Set(kinds)).to.deep.equal(new Set(['invalid']));
  });
});
