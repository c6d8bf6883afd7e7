import type { Score } from '../domain/submission/events.ts';

/** How the exported state did on text that its contestant never saw. Bits per raw byte; docs/integrity.md explains each. */
export function heldOutBody(
  score: Pick<
    Score,
    'heldOut' | 'heldOutBpb' | 'deltaBpb' | 'deltaStandardErrorBpb' | 'gapBpb' | 'gapStandardErrorBpb'
  >,
) {
  return {
    outcome: score.heldOut,
    bits_per_byte: score.heldOutBpb,
    delta_bpb: score.deltaBpb,
    delta_standard_error_bpb: score.deltaStandardErrorBpb,
    gap_bpb: score.gapBpb,
    gap_standard_error_bpb: score.gapStandardErrorBpb,
  };
}
