import { dueSubmissionsProjection } from './due-submissions.ts';
import { epochsProjection } from './epochs.ts';
import { evalJobsProjection } from './eval-jobs.ts';
import { gpuLeasesProjection } from './gpu-leases.ts';
import { holdsProjection } from './holds.ts';
import { llmReviewsProjection } from './llm-reviews.ts';
import { minersProjection } from './miners.ts';
import { plagiarismReviewsProjection } from './plagiarism-reviews.ts';
import type { Projection } from './projection.ts';
import { scoresProjection } from './scores.ts';
import { sourceIndexProjection } from './source-index.ts';
import { submissionSourcesProjection } from './submission-sources.ts';
import { submissionsProjection } from './submissions.ts';

/** Every read model there is, one file each. */
export const projections: readonly Projection[] = [
  submissionsProjection,
  minersProjection,
  evalJobsProjection,
  gpuLeasesProjection,
  scoresProjection,
  epochsProjection,
  dueSubmissionsProjection,
  holdsProjection,
  llmReviewsProjection,
  submissionSourcesProjection,
  sourceIndexProjection,
  plagiarismReviewsProjection,
];

/** The read model of that name, or undefined. */
export function findProjection(name: string): Projection | undefined {
  return projections.find((projection) => projection.name === name);
}
