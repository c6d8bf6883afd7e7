import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { uniformMicroNats } from '../../domain/integrity/record.ts';
import { readCommitments } from '../../executor/commitments.ts';
import { readRunFiles } from '../../executor/read-run-files.ts';
import type { RunSpec } from '../../executor/run-spec.ts';
import {
  bytesOf,
  type DraftCuts,
  type DraftRecord,
  digestOf,
  examining,
  exampleCuts,
  exampleFiles,
  exampleManifest,
  exampleRecord,
  spec,
} from './run-examples.ts';

type Files = { readonly manifest: unknown; readonly recordBytes: Uint8Array; readonly cutsBytes: Uint8Array };

const read = ({ manifest, recordBytes, cutsBytes }: Files, asked = spec, how = examining) =>
  readRunFiles({ manifest: bytesOf(manifest), record: recordBytes, cuts: cutsBytes }, asked, how);
const readAlone = (manifest: unknown) =>
  readRunFiles({ manifest: bytesOf(manifest), record: null, cuts: null }, spec, examining);

describe('readRunFiles', () => {
  it('turns a completed run into its raw measurements', () => {
    const { reading, measured } = read(exampleFiles());
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(measured?.measurement).to.deep.equal({
      microNats: exampleRecord().totals.microNats,
      standardErrorMicroNats: 0,
      baselineMicroNats: 5 * uniformMicroNats(256) + 4_088 * 950_000,
      coveredBytes: 4_093,
      uncoveredBytes: 3,
      streamBytes: 4_096,
      predictedTokens: 4_088,
      vocab: 256,
      xzBytes: 812,
      step0: { microNats: 2_044_000_000, tokens: 2_044 },
      batches: 2,
      longestRowBytes: 512,
      seconds: 6,
      parameters: 5_000,
      stoppedByClock: false,
      deterministic: true,
    });
    expect(measured?.runnerDigest).to.equal(spec.runnerDigest);
    expect(measured?.examination).to.deep.include({ frames: 8, cuts: 32, exceedingCuts: 0, blind: null, rerun: null });
  });

  it('compares a rerun with the run that it repeats, on the same platform only', () => {
    const files = exampleFiles();
    const platform = read(files).measured?.platform ?? '';
    const rerunOf = { record: exampleRecord(), platform };
    expect(read(files, spec, { ...examining, rerunOf }).measured?.examination.rerun?.verdict).to.equal('confirmed');
    const elsewhere = { ...examining, rerunOf: { ...rerunOf, platform: digestOf('another host') } };
    expect(read(files, spec, elsewhere).reading)
      .to.have.property('problem')
      .that.includes('platform');
  });

  it('blames a rerun for cuts that are too many to be read, where it took more of them than its run’s batches have', () => {
    const again = { ...examining, rerunOf: { record: exampleRecord(), platform: digestOf('here') } };
    const honest = exampleManifest();
    const { blind_mean } = honest.anti_cheat;
    const more = { ...honest.anti_cheat, blind_mean: { ...blind_mean, cuts: blind_mean.cuts + 1 } };
    const longer = { ...honest, anti_cheat: more };
    const convicted = { ...longer, outcome: { kind: 'failed', verdict: 'causality', where: null, message: 'peeks' } };
    const readingOf = (manifest: unknown, how: typeof examining) =>
      readRunFiles({ manifest: bytesOf(manifest), record: null, cuts: null, cutsAreTooLarge: true }, spec, how).reading;
    for (const manifest of [longer, convicted]) {
      expect(readingOf(manifest, again)).to.deep.include({ kind: 'failed', verdict: 'contract' });
    }
    const record = exampleRecord();
    const stopped = { ...record, streamBytes: 2 * record.totals.coveredBytes };
    const further = { ...examining, rerunOf: { ...again.rerunOf, record: stopped } };
    expect(readingOf(longer, further)).to.have.property('kind', 'invalid');
    expect(readingOf(honest, again)).to.have.property('kind', 'invalid');
    expect(readingOf(longer, examining)).to.have.property('kind', 'invalid');
  });

  it('gives results of one platform the same fingerprint, and of another one another', () => {
    const fingerprint = (cpu: string) => {
      const files = exampleFiles();
      files.manifest.provenance.platform.cpu = cpu;
      return read(files).measured?.platform;
    };
    expect(fingerprint('a cpu'))
      .to.equal(fingerprint('a cpu'))
      .and.match(/^[0-9a-f]{64}$/);
    expect(fingerprint('a cpu')).not.to.equal(fingerprint('another cpu'));
  });

  it('takes a GPU and its driver into the fingerprint, and its memory as a claim', () => {
    const gpu = { name: 'NVIDIA H100', capability: '9.0', driver: '550.54.15', cuda: '12.6', cudnn: '90100' };
    const fingerprint = (changes: Partial<typeof gpu>) => {
      const files = exampleFiles();
      const { provenance, compute } = files.manifest;
      const platform = { ...provenance.platform, device: 'cuda', gpu: { ...gpu, ...changes } };
      const claimed = { ...compute, peak_vram_bytes: 2 ** 34 };
      const manifest = { ...files.manifest, provenance: { ...provenance, platform }, compute: claimed };
      return read({ ...files, manifest }).measured?.platform;
    };
    const all = [{}, { name: 'NVIDIA A100' }, { driver: '560.28.03' }, { cuda: '12.8' }].map(fingerprint);
    expect(all).not.to.include(undefined);
    expect(new Set([...all, read(exampleFiles()).measured?.platform]).size).to.equal(5);
  });

  it('says that there is no manifest', () => {
    const nothing = { manifest: null, record: null, cuts: null };
    expect(readRunFiles(nothing, spec, examining).reading).to.deep.equal({ kind: 'none' });
  });

  it('passes on failed, lost and fault without a record', () => {
    for (const outcome of [
      { kind: 'failed', verdict: 'exception', where: 'training.py:3', message: 'ZeroDivisionError' },
      { kind: 'lost', phase: 'frame', message: 'closed' },
      { kind: 'fault', message: 'a shard has another hash' },
    ]) {
      expect(readAlone({ ...exampleManifest(), outcome, xzBytes: 0 }).reading).to.deep.equal(outcome);
    }
  });

  it('takes a stream of up to three bytes fewer than asked', () => {
    const asked = (streamBytes: number) => read(exampleFiles(), { ...spec, streamBytes }).reading.kind;
    expect([4_096, 4_099, 4_100, 4_095].map(asked)).to.deep.equal(['completed', 'completed', 'invalid', 'invalid']);
  });
});

describe('A conviction for a breach of causality', () => {
  const outcome = { kind: 'failed', verdict: 'causality', where: null, message: 'row 3, cut 17' } as const;

  function convicted(exceedingIn: readonly number[], changes: object = {}) {
    const cuts = exampleCuts();
    for (const batch of exceedingIn) {
      const frame = cuts.frames.find((candidate) => candidate.batch === batch);
      if (frame !== undefined) frame.largest[0] = 900_000;
    }
    const { manifest, cutsBytes } = exampleFiles(exampleRecord(), cuts);
    const failed = { ...manifest, outcome, recordDigest: null, ...changes };
    return readRunFiles({ manifest: bytesOf(failed), record: null, cuts: cutsBytes }, spec, examining).reading;
  }

  it('stands on exceeding cuts of two batches', () => {
    expect(convicted([0, 1])).to.deep.equal(outcome);
  });

  it('falls without the evidence', () => {
    expect(convicted([0]).kind).to.equal('invalid');
    expect(convicted([]).kind).to.equal('invalid');
    expect(convicted([0, 1], { cutsDigest: null }).kind).to.equal('invalid');
    expect(convicted([0, 1], { cutsDigest: digestOf('other') }).kind).to.equal('invalid');
    expect(readAlone({ ...exampleManifest(), outcome }).reading.kind).to.equal('invalid');
  });
});

describe('readRunFiles on what a referee wrote', () => {
  const fixture = (path: string) => readFile(join('gpu-runner/fixtures', path));
  const read = async (folder: string) => {
    const [manifest, cuts, spec] = await Promise.all(
      ['manifest', 'cuts', 'spec'].map((name) => fixture(`${folder}/${name}.json`)),
    );
    const record = folder === 'convicted' ? null : await fixture(`${folder}/record.json`);
    const asked: RunSpec = JSON.parse(String(spec));
    return {
      asked,
      record,
      ...readRunFiles({ manifest: manifest ?? null, record, cuts: cuts ?? null }, asked, examining),
    };
  };

  it('takes a completed run, decoys where its key places them', async () => {
    const { asked, record, reading, measured } = await read('.');
    expect(reading).to.deep.equal({ kind: 'completed' });
    const { totals }: DraftRecord = JSON.parse(String(record));
    expect(measured?.measurement).to.include({ microNats: totals.microNats, streamBytes: asked.streamBytes });
    expect(measured?.examination).to.include({ frames: 20, cuts: 80, largestMicroNats: 0 });
  });

  it('takes a run of which half the rows were scored, and estimates what all of them cost', async () => {
    const { measured } = await read('sampled');
    const all = (await read('.')).measured?.measurement.microNats ?? 0;
    const { microNats = 0, standardErrorMicroNats = 0 } = measured?.measurement ?? {};
    expect(Math.abs(microNats - all)).to.be.within(1, 2 * standardErrorMicroNats);
  });

  it('takes a run on a declared tokenizer, which the record names by its path', async () => {
    const { asked, record, reading, measured } = await read('declared');
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(asked.tokenizer).to.deep.equal({ bpe: { path: 'tokens.json' } });
    const { tokenizer, streamTokens }: DraftRecord = JSON.parse(String(record));
    expect(tokenizer).to.equal('tokens.json');
    expect(measured?.measurement).to.include({ vocab: 266 });
    expect(streamTokens).to.be.below(measured?.measurement.streamBytes ?? 0);
  });

  it('takes a conviction with its evidence', async () => {
    expect((await read('convicted')).reading).to.deep.include({ kind: 'failed', verdict: 'causality' });
  });

  it('hashes the canonical bundle as the spec names it', async () => {
    const { asked } = await read('.');
    expect(sha256Hex(await readFile('gpu-runner/fixtures/bundle'))).to.equal(asked.codeHash);
  });
});

describe('commitments', () => {
  const fixture = (name: string) => readFile(join('gpu-runner/fixtures', name));

  it('of an attempt are held against the record of the one that follows', async () => {
    const [manifest, record, cuts, spec] = await Promise.all(
      ['manifest.json', 'record.json', 'cuts.json', 'spec.json'].map(fixture),
    );
    const commitments = readCommitments(await fixture('commitments.jsonl')) ?? expect.fail('nothing was read');
    const [first = ''] = commitments.logits;
    const committed = [
      { attempt: 1, ...commitments },
      { attempt: 2, ...commitments, logits: [first, digestOf('other'), first] },
      { attempt: 3, ...commitments, platform: digestOf('another host') },
    ];
    const files = { manifest: manifest ?? null, record: record ?? null, cuts: cuts ?? null };
    const { measured } = readRunFiles(files, JSON.parse(String(spec)), { ...examining, committed });
    const groups = commitments.logits.length;
    expect(measured?.earlierAttempts).to.deep.equal([
      { attempt: 1, groupsCompared: groups, groupsEqual: groups, firstDifferingGroup: null },
      { attempt: 2, groupsCompared: 3, groupsEqual: 1, firstDifferingGroup: 1 },
    ]);
  });

  it('are read as far as they are whole, and are nothing where nothing is', async () => {
    const lines = String(await fixture('commitments.jsonl')).split('\n');
    const read = (...kept: readonly string[]) => readCommitments(Buffer.from(kept.join('\n')))?.logits.length ?? null;
    const [header = '', one = '', two = ''] = lines;
    expect(read(header, one, two)).to.equal(1);
    expect(read(header, one, '\0\0', two, '')).to.equal(1);
    expect(read(header, one)).to.equal(null);
    expect(read(one, two, '')).to.equal(null);
    expect(read('')).to.equal(null);
  });
});

describe('readRunFiles refuses as invalid', () => {
  const { recordBytes, cutsBytes, manifest } = exampleFiles();
  const invalid = (
    manifestBytes: Uint8Array,
    record: Uint8Array | null = recordBytes,
    cuts: Uint8Array | null = cutsBytes,
  ) => {
    const { reading, measured } = readRunFiles({ manifest: manifestBytes, record, cuts }, spec, examining);
    expect(measured).to.equal(null);
    if (reading.kind !== 'invalid') expect.fail(`taken as ${reading.kind}`);
    return reading.problem;
  };

  it('a truncated file, whichever it is', () => {
    expect(invalid(bytesOf(manifest).subarray(0, 500))).to.include('no JSON');
    expect(invalid(bytesOf(manifest), recordBytes.subarray(0, 500))).to.include('digest');
    expect(invalid(bytesOf(manifest), recordBytes, cutsBytes.subarray(0, 500))).to.include('digest');
    const [record, cuts] = [recordBytes.subarray(0, 500), cutsBytes.subarray(0, 500)];
    expect(invalid(bytesOf({ ...manifest, recordDigest: digestOf(record.toString()) }), record)).to.include('no JSON');
    expect(invalid(bytesOf({ ...manifest, cutsDigest: digestOf(cuts.toString()) }), recordBytes, cuts)).to.include(
      'no JSON',
    );
  });

  it('NaN, infinities, negative and fractional counts', () => {
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
      invalid(Buffer.from(text.replace(good, bad)));
    }
  });

  it('the same in record and cuts, though their digests are right', () => {
    const broken = (bytes: Uint8Array, good: string, bad: string) => {
      const text = Buffer.from(bytes).toString();
      expect(text).to.include(good);
      return Buffer.from(text.replace(good, bad));
    };
    for (const bad of ['NaN', '-1', '0.5', '1e400']) {
      const record = broken(recordBytes, '"firstTokens":4', `"firstTokens":${bad}`);
      invalid(bytesOf({ ...manifest, recordDigest: digestOf(record.toString()) }), record);
      const cuts = broken(cutsBytes, '"blind":[1000000', `"blind":[${bad}`);
      invalid(bytesOf({ ...manifest, cutsDigest: digestOf(cuts.toString()) }), recordBytes, cuts);
    }
  });

  it('bytes that are no UTF-8, and a manifest over its size', () => {
    expect(invalid(Buffer.from([0x22, 0xff, 0x22]))).to.include('no JSON');
    const padded = Buffer.concat([bytesOf(manifest), Buffer.alloc(2 ** 20, ' ')]);
    expect(invalid(padded)).to.include('bytes');
  });

  it('another version, and fields that nobody knows', () => {
    expect(invalid(bytesOf({ ...manifest, schema: 'prism_run_manifest.v1' }))).to.include('schema');
    expect(invalid(bytesOf({ ...manifest, bonus: 1 }))).to.include('bonus');
    for (const change of [{ schema: 'prism_record.v1' }, { bonus: 1 }]) {
      const record = bytesOf({ ...exampleRecord(), ...change });
      invalid(bytesOf({ ...manifest, recordDigest: digestOf(record.toString()) }), record);
    }
    for (const change of [{ schema: 'prism_cuts.v2' }, { bonus: 1 }]) {
      const cuts = bytesOf({ ...exampleCuts(), ...change });
      invalid(bytesOf({ ...manifest, cutsDigest: digestOf(cuts.toString()) }), recordBytes, cuts);
    }
  });

  it('a completed run without one of its files, or with that of another one', () => {
    expect(invalid(bytesOf({ ...manifest, recordDigest: null }))).to.include('no record');
    expect(invalid(bytesOf(manifest), null)).to.include('no record');
    expect(invalid(bytesOf({ ...manifest, recordDigest: digestOf('other') }))).to.include('digest');
    expect(invalid(bytesOf({ ...manifest, cutsDigest: null }))).to.include('no cuts');
    expect(invalid(bytesOf(manifest), recordBytes, null)).to.include('no cuts');
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
      const value = manifest.provenance[field];
      const other = typeof value === 'number' ? value + 1 : digestOf('other');
      const provenance = { ...manifest.provenance, [field]: other };
      expect(invalid(bytesOf({ ...manifest, provenance }))).to.include(`provenance.${field}`);
    });
  }

  it('metrics that are not those of the record', () => {
    for (const lie of [
      { covered_bytes: 4_096 },
      { predicted_tokens: 1 },
      { sum_neg_log_likelihood_nats: 1 },
      { online_loss: [1] },
    ]) {
      invalid(bytesOf({ ...manifest, metrics: { ...manifest.metrics, ...lie } }));
    }
  });

  it('a first loss that is called impossible and isn’t, or the other way round', () => {
    const lying = { ...manifest, anti_cheat: { ...manifest.anti_cheat, step0_anomaly: false } };
    expect(invalid(bytesOf(lying))).to.include('step0_anomaly');
  });

  it('sums that are not those of the cuts', () => {
    const { anti_cheat } = manifest;
    for (const [member, sum] of Object.entries(anti_cheat.blind_mean)) {
      const blind_mean = { ...anti_cheat.blind_mean, [member]: sum + 1 };
      expect(invalid(bytesOf({ ...manifest, anti_cheat: { ...anti_cheat, blind_mean } }))).to.include(member);
    }
    for (const causality of [{ ...anti_cheat.causality, exceeding: 1 }, { ...anti_cheat.causality, cuts: 1 }, null]) {
      expect(invalid(bytesOf({ ...manifest, anti_cheat: { ...anti_cheat, causality } }))).to.include('causality');
    }
  });
});

describe('readRunFiles refuses a record that contradicts itself', () => {
  const lies: readonly (readonly [string, (record: DraftRecord) => void])[] = [
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
    ['groups', merge],
    ['batches[0].scoredRows', ({ batches }) => add(first(batches), 'scoredRows', -1)],
    ['batches[0].baselineMicroNats', ({ batches }) => add(first(batches), 'baselineMicroNats', 2_044 * 2 ** 32)],
    ['record.scoredRowFraction', sample],
  ];

  for (const [name, lie] of lies) {
    it(`in ${name}`, () => {
      const record = exampleRecord();
      lie(record);
      const { reading } = read(exampleFiles(record));
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
    expect(read(exampleFiles(record)).reading)
      .to.have.property('problem')
      .that.includes('out of bounds');
  });
});

describe('readRunFiles refuses cuts that contradict', () => {
  const frame = (cuts: DraftCuts) => first(cuts.frames);
  const lies: readonly (readonly [string, string, (cuts: DraftCuts) => unknown])[] = [
    ['the key', 'keyDigest', (cuts) => Object.assign(cuts, { keyDigest: digestOf('another key') })],
    ['the density that was asked', 'cutsPerMegabyte', (cuts) => add(cuts, 'cutsPerMegabyte', 1)],
    ['the floor that was asked', 'framesPerBatch', (cuts) => add(cuts, 'framesPerBatch', 1)],
    ['the number of decoys: one left out', 'frames[7]', (cuts) => void cuts.frames.pop()],
    ['the number of decoys: one too many', '9 frames', (cuts) => void cuts.frames.push(first(cuts.frames))],
    ['the batch of a decoy', 'frames[0]', (cuts) => add(frame(cuts), 'batch', 1)],
    ['the place of a cut', 'frames[0].cuts', (cuts) => shift(frame(cuts).cuts)],
    ['the number of rows', 'frames[0].blind', (cuts) => void frame(cuts).blind.pop()],
    ['what a token can cost', 'frames[0].blind', (cuts) => frame(cuts).blind.splice(0, 1, 20_000_000)],
    ['the difference at a cut', 'frames[0].largest', (cuts) => frame(cuts).claimed.splice(0, 1, 1)],
    ['the rows that are scored', 'frames[0].rows', (cuts) => Object.assign(frame(cuts), { rows: [0, 1, 1, 3] })],
  ];

  for (const [what, name, lie] of lies) {
    it(what, () => {
      const cuts = exampleCuts();
      lie(cuts);
      const { reading } = read(exampleFiles(exampleRecord(), cuts));
      expect(reading).to.have.property('problem').that.includes(name);
    });
  }
});

describe('readRunFiles on a sample of rows', () => {
  const asked = { ...spec, rows: { ...spec.rows, fraction: 0.5 } };
  const rows = [1, 3];

  /** Two of four rows scored, alike. */
  function sampled(): { readonly record: DraftRecord; readonly cuts: DraftCuts } {
    const record = exampleRecord();
    sample(record);
    for (const { rowMicroNats: rowCosts } of record.batches)
      rowCosts?.splice(0, 2, (rowCosts[0] ?? 0) - 7, (rowCosts[1] ?? 0) + 7);
    const cuts = exampleCuts(record);
    for (const frame of cuts.frames) {
      const kept = (costs: readonly number[]) => rows.map((row) => costs[row] ?? 0);
      const { cuts: at, blind, claimed, baseline, largest } = frame;
      Object.assign(frame, { rows, cuts: kept(at), blind: kept(blind), claimed: kept(claimed) });
      Object.assign(frame, { baseline: kept(baseline), largest: kept(largest) });
    }
    return { record, cuts };
  }

  it('estimates the charge of all rows, with its standard error', () => {
    const { record, cuts } = sampled();
    const { reading, measured } = read(exampleFiles(record, cuts), asked);
    expect(reading).to.deep.equal({ kind: 'completed' });
    expect(measured?.measurement.microNats).to.equal(exampleRecord().totals.microNats);
    // Two batches, each 4² · (1 − 2/4) · (2 · 7²) / 2.
    expect(measured?.measurement.standardErrorMicroNats).to.equal(Math.round(Math.sqrt(2 * 4 ** 2 * 0.5 * 7 ** 2)));
    expect(measured?.examination).to.include({ frames: 8, cuts: 16 });
  });

  for (const [what, lie] of [
    ['scoredRows', ({ batches }: DraftRecord) => add(first(batches), 'scoredRows', 1)],
    ['rowMicroNats', ({ batches }: DraftRecord) => void first(batches).rowMicroNats?.pop()],
    ['rowMicroNats in all', ({ batches }: DraftRecord) => shift(first(batches).rowMicroNats ?? [])],
    ["groups' positions", ({ groups }: DraftRecord) => add(first(groups), 'positions', 1)],
    ['more than its rows have', ({ groups }: DraftRecord) => add(first(groups), 'positions', 1_023)],
  ] as const) {
    it(`refuses other ${what} than follow from the rest`, () => {
      const { record, cuts } = sampled();
      lie(record);
      expect(read(exampleFiles(record, cuts), asked).reading)
        .to.have.property('problem')
        .that.includes(what);
    });
  }
});

/** Of the example's record with two of four rows scored: of the first three rows one, of the next three two. */
function groupsOfHalf(): DraftRecord['groups'] {
  return [
    { positions: 511, microNats: 511 * 1_000_000, logits: digestOf('a') },
    { positions: 1_022, microNats: 511 * 1_000_000 + 511 * 900_000, logits: digestOf('b') },
    { positions: 511, microNats: 511 * 900_000, logits: digestOf('c') },
  ];
}

function shift(values: number[]): void {
  values[0] = (values[0] ?? 0) + 1;
}

/** A record of half the rows where all were asked for. */
function sample(record: DraftRecord): void {
  record.scoredRowFraction = 0.5;
  for (const batch of record.batches) {
    const lanes = batch.firstTokens * uniformMicroNats(record.vocab);
    const row = (batch.microNats - lanes) / batch.rows;
    Object.assign(batch, { scoredRows: 2, rowMicroNats: [row, row], microNats: lanes + 2 * row });
  }
  record.groups = groupsOfHalf();
  record.totals.microNats = record.batches.reduce((sum, batch) => sum + batch.microNats, record.remainder.microNats);
}

function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error('an example without items');
  return item;
}

function add<Key extends string>(to: Record<Key, number>, key: Key, by: number): void {
  to[key] += by;
}

function cheapRemainder({ remainder, totals }: DraftRecord): void {
  remainder.microNats -= 1;
  totals.microNats -= 1;
}

function paidByNobody({ totals }: DraftRecord): void {
  totals.coveredBytes += 3;
  totals.uncoveredBytes = 0;
}

/** Two groups become one: sums stay right, the commitment is coarser. */
function merge(record: DraftRecord): void {
  const last = record.groups.pop();
  const into = record.groups.at(-1);
  if (last === undefined || into === undefined) throw new Error('an example with one group');
  into.microNats += last.microNats;
}

/** A lane's first token is charged as if somebody had predicted it. */
function uncharge(record: DraftRecord): void {
  first(record.batches).firstTokens -= 1;
  record.totals.laneFirstTokens -= 1;
  first(record.groups).microNats += uniformMicroNats(record.vocab);
}
