import { expect } from 'chai';
import type { SubmissionAnswer } from '../../cli/answers.ts';
import { describeCertainty, describeHeldOut, describeSubmission } from '../../cli/commands/status.ts';

const score = {
  ...{ bits_per_byte: 2.6, standard_error_bpb: 0, confirmation: 'unconfirmed', counted_bpb: 2.71 },
  blind: { bits_per_byte: 2.61, standard_error_bpb: 0.05, low: 2.512, high: 2.708 },
  ...{ undetected_bpb: 0.28, baseline_bpb: 3.05 },
};
const answer: SubmissionAnswer = {
  ...{ id: 'x', hotkey: 'alice', epoch_id: 7, code_hash: 'c', created_at: 'now', error: null },
  ...{ status: 'completed', final_score: 0.26, score },
};

describe('What prism status says', () => {
  it('of a score is what it claims, what it counts as, and how far it can be relied on', () => {
    expect(describeSubmission(answer)).to.equal('completed: 2.6 bits per byte, unconfirmed, final score 0.26');
    expect(describeCertainty(score)).to.deep.equal([
      '  claimed               2.6 bits per byte (standard error 0)',
      '  counts as             2.71, unconfirmed',
      '  paid blind            2.61 (95 %: 2.512 to 2.708)',
      '  undetected advantage  at most 0.28, with a probability of 5 %',
      "  baseline              3.05, the referee's own predictor",
    ]);
  });

  it('of a held-out measure is what the model gained, or that it was lost', () => {
    const nothing = { delta_bpb: null, delta_standard_error_bpb: null, gap_bpb: null, gap_standard_error_bpb: null };
    const measured = { delta_bpb: 4.1, delta_standard_error_bpb: 0.03, gap_bpb: 1.2, gap_standard_error_bpb: 0.04 };
    const said = [
      describeHeldOut({ outcome: 'measured', ...measured }, 0.5),
      describeHeldOut({ outcome: 'failed', ...nothing }, 0.5),
      describeHeldOut({ outcome: 'unmeasured', ...nothing }, 1),
      describeHeldOut({ outcome: 'off', ...nothing }, 1),
    ].flat();
    expect(said).to.deep.equal([
      '  held out              4.1 ± 0.03 better than its random twin, gap 1.2 ± 0.04; the score counts times 0.5',
      "  held out              it didn't get through; the score counts times 0.5",
      '  held out              not measured, by a fault of ours',
    ]);
  });

  it('of a score that nothing bounds is that nothing bounds it', () => {
    const lines = describeCertainty({ ...score, blind: null, undetected_bpb: null, baseline_bpb: null });
    expect(lines.slice(2).map((line) => line.slice(24))).to.deep.equal([
      'too few decoys for a verdict',
      'nothing bounds it',
      'not measured',
    ]);
  });

  it('of a submission that is run once more is why', () => {
    const running: SubmissionAnswer = {
      ...{ ...answer, status: 'running', score: null, final_score: null },
      ...{ run: { purpose: 'rerun' }, progress: { phase: 'running', covered: 0.519 } },
    };
    expect(describeSubmission(running)).to.equal('running once more, to confirm the score: 51 % of the stream');
    const heldOut = { ...running, run: { purpose: 'heldOut' }, progress: null };
    expect(describeSubmission(heldOut)).to.equal('measured on text that it has never seen');
  });
});
