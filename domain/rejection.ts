/** A refused command: a value with a closed kind, never an exception and never an event. */
export type Rejection = {
  readonly kind: 'rejection';
  readonly reason:
    | 'unknownSubmission'
    | 'unknownSlot'
    | 'unknownRun'
    | 'alreadyEnded'
    | 'notDue'
    | 'staleToken'
    | 'attemptTaken'
    | 'notOwner'
    | 'tooLate'
    | 'attemptActive'
    | 'slotTaken'
    | 'slotQuarantined'
    | 'claimed'
    | 'wrongHold'
    | 'invalidPolicy'
    | 'notPoison'
    | 'unexplained';
  /** One sentence for people. */
  readonly detail: string;
};

export function refuse(reason: Rejection['reason'], detail: string): Rejection {
  return { kind: 'rejection', reason, detail };
}

export function isRejection(decision: object): decision is Rejection {
  return 'kind' in decision && decision.kind === 'rejection';
}
