/**
 * What may be due, read from projections: a hint where to look. It may lag; whoever acts folds the stream and asks the
 * aggregate again.
 */
export type DueWork = {
  /** Submissions with something due at `now` (ISO 8601): gates, scoring, holds and attempts whose deadline has come; oldest receipt first. */
  submissions(now: string, limit: number): readonly string[];
  /** Runs that wait for a lease, oldest first. */
  waitingRuns(limit: number): readonly { readonly submissionId: string; readonly run: string }[];
  /** Slots that are free: registered, not leased, not quarantined. */
  freeSlots(): readonly { readonly executor: string; readonly device: string; readonly deviceClass: 'cpu' | 'gpu' }[];
  /** Slots that are registered and not quarantined, leased or not. */
  openSlots(): ReturnType<DueWork['freeSlots']>;
  /** Leases whose deadline lies before `now`. */
  expiredLeases(
    now: string,
  ): readonly { readonly executor: string; readonly device: string; readonly fencingToken: number }[];
};
