import type { Score } from '../domain/submission/events.ts';

/** Two-sided normal quantile of 95 %. */
const intervalStandardErrors = 1.96;

/** How far a score can be relied on, as answers say it. Bits per raw byte of the stream; docs/integrity.md explains each. */
export function certaintyBody(
  score: Pick<
    Score,
    | 'bitsPerByte'
    | 'standardErrorBpb'
    | 'blindBpb'
    | 'blindStandardErrorBpb'
    | 'confirmation'
    | 'countedBpb'
    | 'undetectedBpb'
    | 'baselineBpb'
  >,
) {
  const { blindBpb, blindStandardErrorBpb } = score;
  return {
    bits_per_byte: score.bitsPerByte,
    standard_error_bpb: score.standardErrorBpb,
    confirmation: score.confirmation,
    counted_bpb: score.countedBpb,
    blind:
      blindBpb === null || blindStandardErrorBpb === null
        ? null
        : {
            bits_per_byte: blindBpb,
            standard_error_bpb: blindStandardErrorBpb,
            low: blindBpb - intervalStandardErrors * blindStandardErrorBpb,
            high: blindBpb + intervalStandardErrors * blindStandardErrorBpb,
          },
    undetected_bpb: score.undetectedBpb,
    baseline_bpb: score.baselineBpb,
  };
}
