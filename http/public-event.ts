import type { RecordedEvent } from '../domain/event.ts';
import { toDomainEvent } from '../domain/event-catalog.ts';
import type { SubmissionEventType } from '../domain/submission/events.ts';

/**
 * What everybody may see of an event, member by member: what isn't named here stays inside. Left out are references to
 * evidence, logs and the miner's metadata, and the names of operators.
 */
const publicMembers: Readonly<Record<SubmissionEventType, readonly string[]>> = {
  SubmissionReceived: [
    'hotkey',
    'filename',
    'codeHash',
    'files',
    'contentBytes',
    'route',
    'receivedAt',
    'epoch',
    'policyVersion',
  ],
  ContractResolved: ['contract', 'gateVersion', 'policyVersion'],
  GatePassed: ['gate', 'gateVersion', 'findings', 'policyVersion'],
  GateFailed: ['gate', 'gateVersion', 'findings', 'policyVersion'],
  SourceSketched: ['sketchVersion', 'policyVersion'],
  SourceCompared: ['gateVersion', 'sketchVersion', 'examples', 'asOfPosition', 'compared', 'verdict', 'policyVersion'],
  SubmissionReviewed: ['gateVersion', 'model', 'promptVersion', 'verdict', 'doubts', 'policyVersion'],
  GateSkipped: ['gate', 'reason', 'policyVersion'],
  GateDeferred: ['gate', 'reason', 'deferral', 'retryAt', 'policyVersion'],
  SubmissionRejected: ['reason', 'gate', 'message'],
  RunRequested: ['run', 'purpose', 'rule', 'comparedScore', 'asOfPosition', 'policyVersion'],
  AttemptStarted: ['run', 'attempt', 'slot', 'deviceClass', 'deadlineAt'],
  AttemptCompleted: [
    'run',
    'attempt',
    'record',
    'cuts',
    'manifest',
    'measurement',
    'examination',
    'earlierAttempts',
    'keys',
    'state',
    'seedAudit',
    'runnerDigest',
    'platform',
  ],
  HeldOutMeasured: ['run', 'attempt', 'result', 'measurement', 'runnerDigest', 'platform'],
  AttemptFailed: ['run', 'attempt', 'verdict', 'where', 'message', 'cuts', 'keys'],
  AttemptAborted: ['run', 'attempt', 'reason', 'message', 'countsAgainstRun'],
  AttemptCancelled: ['run', 'attempt', 'reason'],
  RunConcluded: ['run', 'conclusion', 'verdict'],
  ScoreComputed: ['run', 'score', 'policyVersion'],
  AttributionDecided: ['decision', 'reason', 'policyVersion'],
  SubmissionCompleted: ['finalScore', 'deviceClass'],
  SubmissionFailed: ['reason', 'run', 'attempt', 'where', 'message'],
  OriginalFound: ['original', 'exact', 'similarity'],
  SubmissionHeld: ['holdId', 'source', 'reason', 'expiresAt', 'copyOf'],
  HoldResolved: ['holdId', 'resolution', 'reason'],
  HoldExpired: ['holdId'],
  SubmissionWithdrawn: ['hotkey'],
  ScoreVoided: ['reason'],
  ScoreRecomputed: ['run', 'score', 'reason', 'policyVersion'],
};

/** An event for the public timeline; `data` keeps the names of the stored event, which auditors know it by. */
export function toPublicEvent({ envelope, revision, position }: RecordedEvent) {
  const { type, data } = toDomainEvent(envelope);
  const members: readonly string[] = isSubmissionEventType(type) ? publicMembers[type] : [];
  return {
    revision,
    position,
    id: envelope.id,
    type,
    recorded_at: envelope.recordedAt,
    data: Object.fromEntries(Object.entries(data).filter(([member]) => members.includes(member))),
  };
}

function isSubmissionEventType(type: string): type is SubmissionEventType {
  return Object.hasOwn(publicMembers, type);
}
