import { expect } from 'chai';
import { decoyClusters } from '../../../domain/integrity/decoy-clusters.ts';
import type { DecoyFrame, RunCuts, RunRecord } from '../../../domain/integrity/record.ts';

describe('A decoy', () => {
  it('stands for the positions of the stratum that it was drawn in, whichever batch it fell on', () => {
    // λ is 1, 0.5, 0.5: the first batch is a stratum of its own, the two after it share one and were shaped unequally.
    const batches = [rowsOf(4), rowsOf(8), rowsOf(1)];
    expect(weights(batches, [0, 1])).to.deep.equal([4 * predicted, 9 * predicted]);
    expect(weights(batches, [0, 2])).to.deep.equal([4 * predicted, 9 * predicted]);
  });

  it('shares a batch with others as the strata do', () => {
    // λ is 2 and 2: four strata, of which each batch takes two.
    expect(weights([rowsOf(4), rowsOf(6)], [0, 0, 1, 1], 2)).to.deep.equal([4 * predicted, 6 * predicted]);
  });
});

const length = 17;
const predicted = length - 1;

function rowsOf(rows: number): RunRecord['batches'][number] {
  return {
    rows,
    length,
    firstTokens: 0,
    microNats: 0,
    coveredBytes: 0,
    baselineMicroNats: 0,
    scoredRows: rows,
  };
}

/** Weights of the clusters that decoys before `decoyed` batches make. */
function weights(batches: RunRecord['batches'], decoyed: readonly number[], framesPerBatch = 0.5): readonly number[] {
  const record = { batches } as RunRecord;
  const frames = decoyed.map((batch) => ({ batch, cuts: [1] }) as unknown as DecoyFrame);
  const cuts: RunCuts = { schema: 'prism_cuts.v1', keyDigest: '', cutsPerMegabyte: 0, framesPerBatch, frames };
  return decoyClusters(record, cuts, () => 1).map(({ weight }) => weight);
}
