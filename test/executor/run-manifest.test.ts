import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { readRunFiles } from '../../executor/run-manifest.ts';
import { type RunRecord, uniformMicroNats } from '../../executor/run-record.ts';
import type { RunSpec } from '../../executor/run-spec.ts';
import { bytesOf, digestOf, exampleFiles, exampleManifest, exampleRecord, spec } from './run-examples.ts';

const read = (manifest: unknown, recordBytes: Uint8Array | null) => readRunFiles(bytesOf(manifest), recordBytes, spec);

describe('readRunFiles', () => {
  it('turns a completed run into its raw measurements', () => {
    const { manifest, recordBytes } = exampleFiles();
    const { reading, measured } = read(manifest, recordBytes);
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(measured?.measurement).to.deep.equal({
      microNats: exampleRecord().totals.microNats,
      coveredBytes: 4_093,
      uncoveredBytes: 3,
      streamBytes: 4_096,
      predictedTokens: 4_088,
      vocab: 256,
      xzBytes: 812,
      step0: { microNats: 2_044_000_000, tokens: 2_044 },
      parameters: 5_000,
      stoppedByClock: false,
      deterministic: true,
    });
    expect(measured?.runnerDigest).to.equal(spec.runnerDigest);
  });

  it('gives results of one platform the same fingerprint, and of another one another', () => {
    const fingerprint = (cpu: string) => {
      const { manifest, recordBytes } = exampleFiles();
      manifest.provenance.platform.cpu = cpu;
      return read(manifest, recordBytes).measured?.platform;
    };
    expect(fingerprint('a cpu'))
      .to.equal(fingerprint('a cpu'))
      .and.match(/^[0-9a-f]{64}$/);
    expect(fingerprint('a cpu')).not.to.equal(fingerprint('another cpu'));
  });

  it('says that there is no manifest', () => {
    expect(readRunFiles(null, null, spec).reading).to.deep.equal({ kind: 'none' });
  });

  it('passes on failed, lost and fault without a record', () => {
    for (const outcome of [
      { kind: 'failed', verdict: 'exception', where: 'training.py:3', message: 'ZeroDivisionError' },
      { kind: 'lost', phase: 'frame', message: 'closed' },
      { kind: 'fault', message: 'a shard has another hash' },
    ]) {
      const manifest = { ...exampleManifest(null), outcome, xzBytes: 0 };
      expect(read(manifest, null).reading).to.deep.equal(outcome);
    }
  });

  it('takes a stream of up to three bytes fewer than asked', () => {
    const { manifest, recordBytes } = exampleFiles();
    const asked = (streamBytes: number) =>
      readRunFiles(bytesOf(manifest), recordBytes, { ...spec, streamBytes }).reading.kind;
    expect([4_096, 4_099, 4_100, 4_095].map(asked)).to.deep.equal(['completed', 'completed', 'invalid', 'invalid']);
  });
});

describe('readRunFiles on the golden fixtures', () => {
  const fixture = (name: string) => readFile(join('gpu-runner/fixtures', name));

  it('takes what the Python side wrote', async () => {
    const asked: RunSpec = JSON.parse((await fixture('spec.json')).toString());
    const record: RunRecord = JSON.parse((await fixture('record.json')).toString());
    const { reading, measured } = readRunFiles(await fixture('manifest.json'), await fixture('record.json'), asked);
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(measured?.measurement).to.include({ microNats: record.totals.microNats, streamBytes: asked.streamBytes });
  });

  it('hashes the canonical bundle as the spec names it', async () => {
    const asked: RunSpec = JSON.parse((await fixture('spec.json')).toString());
    expect(sha256Hex(await fixture('bundle'))).to.equal(asked.codeHash);
  });
});

describe('readRunFiles refuses as invalid', () => {
  const invalid = (manifest: Uint8Array, record: Uint8Array | null) => {
    const { reading, measured } = readRunFiles(manifest, record, spec);
    expect(measured).to.equal(null);
    if (reading.kind !== 'invalid') expect.fail(`taken as ${reading.kind}`);
    return reading.problem;
  };

  it('a truncated manifest, and a truncated record', () => {
    const { manifest, recordBytes } = exampleFiles();
    expect(invalid(bytesOf(manifest).subarray(0, 500), recordBytes)).to.include('no JSON');
    expect(invalid(bytesOf(manifest), recordBytes.subarray(0, 500))).to.include('digest');
    const cut = recordBytes.subarray(0, 500);
    expect(invalid(bytesOf({ ...manifest, recordDigest: digestOf(cut.toString()) }), cut)).to.include('no JSON');
  });

  it('NaN, infinities, negative and fractional counts', () => {
    const { manifest, recordBytes } = exampleFiles();
    const text = bytesOf(manifest).toString();
    for (const [good, bad] of [
      ['"xzBytes":812', '"xzBytes":NaN'],
      ['"xzBytes":812', '"xzBytes":-1'],
      ['"xzBytes":812', '"xzBytes":812.5'],
      ['"xzBytes":812', '"xzBytes":0'],
      ['"parameters":5000', '"parameters":1e400'],
      ['"parameters":5000', '"parameters":9007199254740993'],
    ] as const) {
      expect(text).to.include(good);
      invalid(Buffer.from(text.replace(good, bad)), recordBytes);
    }
  });

  it('bytes that are no UTF-8, and a manifest over its size', () => {
    const { manifest, recordBytes } = exampleFiles();
    expect(invalid(Buffer.from([0x22, 0xff, 0x22]), recordBytes)).to.include('no JSON');
    const padded = Buffer.concat([bytesOf(manifest), Buffer.alloc(2 ** 20, ' ')]);
    expect(invalid(padded, recordBytes)).to.include('bytes');
  });

  it('another version, and fields that nobody knows', () => {
    const { manifest, recordBytes } = exampleFiles();
    expect(invalid(bytesOf({ ...manifest, schema: 'prism_run_manifest.v1' }), recordBytes)).to.include('schema');
    expect(invalid(bytesOf({ ...manifest, bonus: 1 }), recordBytes)).to.include('bonus');
  });

  it('a completed run without a record, or with the record of another one', () => {
    const { manifest, recordBytes } = exampleFiles();
    expect(invalid(bytesOf({ ...manifest, recordDigest: null }), recordBytes)).to.include('no record');
    expect(invalid(bytesOf(manifest), null)).to.include('no record');
    expect(invalid(bytesOf({ ...manifest, recordDigest: digestOf('other') }), recordBytes)).to.include('digest');
  });

  for (const field of [
    'submissionId',
    'run',
    'attempt',
    'fencingToken',
    'codeHash',
    'seed',
    'runnerDigest',
    'dataDigest',
    'tokenizersDigest',
  ] as const) {
    it(`a ${field} that is not what was asked`, () => {
      const { manifest, recordBytes } = exampleFiles();
      const value = manifest.provenance[field];
      const other = typeof value === 'number' ? value + 1 : digestOf('other');
      const provenance = { ...manifest.provenance, [field]: other };
      expect(invalid(bytesOf({ ...manifest, provenance }), recordBytes)).to.include(`provenance.${field}`);
    });
  }

  it('metrics that are not those of the record', () => {
    const { manifest, recordBytes } = exampleFiles();
    for (const lie of [
      { covered_bytes: 4_096 },
      { predicted_tokens: 1 },
      { sum_neg_log_likelihood_nats: 1 },
      { online_loss: [1] },
    ]) {
      invalid(bytesOf({ ...manifest, metrics: { ...manifest.metrics, ...lie } }), recordBytes);
    }
  });
});

describe('readRunFiles refuses a record that contradicts itself', () => {
  const lies: readonly (readonly [string, (record: RunRecord) => void])[] = [
    ['totals.microNats', ({ totals }) => add(totals, 'microNats', -1)],
    ['totals.predictedTokens', ({ totals }) => add(totals, 'predictedTokens', -1)],
    ['totals.laneFirstTokens', ({ totals }) => add(totals, 'laneFirstTokens', 1)],
    ['batches against groups', ({ groups }) => add(first(groups), 'microNats', -1)],
    ['streamBytes', ({ totals }) => add(totals, 'uncoveredBytes', -1)],
    ['coveredBytes falls', ({ batches }) => add(first(batches), 'coveredBytes', 3_000)],
    ['groups[0].positions', ({ groups }) => add(first(groups), 'positions', 1)],
    ['remainder.microNats', cheapRemainder],
    ['totals.coveredBytes', paidByNobody],
    ['firstTokens', uncharge],
    ['fewer than', merge],
  ];

  for (const [name, lie] of lies) {
    it(`in ${name}`, () => {
      const record = exampleRecord();
      lie(record);
      const { manifest, recordBytes } = exampleFiles(record);
      const { reading } = read(manifest, recordBytes);
      expect(reading.kind).to.equal('invalid');
      expect(reading).to.have.property('problem').that.includes(name);
    });
  }

  it('in a batch that costs more than any token can', () => {
    const record = exampleRecord();
    const surplus = 2_044 * 20_000_000;
    for (const batch of record.batches.slice(1)) batch.microNats += surplus;
    for (const group of record.groups.slice(2)) group.microNats += surplus;
    record.totals.microNats += surplus;
    const { manifest, recordBytes } = exampleFiles(record);
    expect(read(manifest, recordBytes).reading).to.have.property('problem').that.includes('out of bounds');
  });
});

function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error('an example without items');
  return item;
}

function add<Key extends string>(to: Record<Key, number>, key: Key, by: number): void {
  to[key] += by;
}

function cheapRemainder({ remainder, totals }: RunRecord): void {
  remainder.microNats -= 1;
  totals.microNats -= 1;
}

function paidByNobody({ totals }: RunRecord): void {
  totals.coveredBytes += 3;
  totals.uncoveredBytes = 0;
}

/** Two groups become one: sums stay right, the commitment is coarser. */
function merge(record: RunRecord): void {
  const last = record.groups.pop();
  const into = record.groups.at(-1);
  if (last === undefined || into === undefined) throw new Error('an example with one group');
  into.microNats += last.microNats;
}

/** A lane's first token is charged as if somebody had predicted it. */
function uncharge(record: RunRecord): void {
  first(record.batches).firstTokens -= 1;
  record.totals.laneFirstTokens -= 1;
  first(record.groups).microNats += uniformMicroNats(record.vocab);
}
