import type { Decision } from '../aggregate.ts';
import { isRejection, refuse } from '../rejection.ts';
import type { SubmissionCommand } from './commands.ts';
import {
  type Comparison,
  explanationLimit,
  type Finding,
  findingsLimit,
  gateNames,
  type Review,
  type SubmissionEvent,
  textLimit,
} from './events.ts';
import { shownText } from './shown-text.ts';
import type { LivingState } from './state.ts';

type RecordGate = Extract<SubmissionCommand, { kind: 'RecordGate' }>;
type AtGate = Extract<LivingState, { phase: 'gate' }>;

/** A gate's result counts at that gate alone; behind it the answer is already there. */
export function decideGate(state: LivingState, command: RecordGate): Decision<SubmissionEvent> {
  if (state.phase === 'rejected' || state.phase === 'failed' || state.phase === 'rejecting') {
    return refuse('alreadyEnded', `The submission is ${state.phase}.`);
  }
  if (state.phase === 'held') return refuse('notDue', 'The submission is held.');
  if (state.phase !== 'gate') return [];
  const stands = gateNames.indexOf(state.gate);
  const asked = gateNames.indexOf(command.gate);
  if (asked < stands) return [];
  if (asked > stands) return refuse('notDue', `The ${state.gate} gate comes first.`);
  return eventsOf(state, command);
}

/** What a verdict rests on is recorded before it, in one append. */
function eventsOf(state: AtGate, command: RecordGate): Decision<SubmissionEvent> {
  const { gate, result, policyVersion } = command;
  const verdict = verdictEvents(state, command);
  const review = 'review' in result ? result.review : undefined;
  const comparison = 'comparison' in result ? result.comparison : undefined;
  const behaviour = 'behaviour' in result ? (result.behaviour ?? null) : null;
  if (isRejection(verdict)) return verdict;
  if (behaviour !== null && gate !== 'parameters') return refuse('notDue', 'Only the parameters gate sees a model.');
  if (review !== undefined && gate !== 'llm') return refuse('notDue', 'Only the LLM gate asks a reviewer.');
  if (comparison !== undefined && gate !== 'duplicate') {
    return refuse('notDue', 'Only the duplicate gate compares sources.');
  }
  return [
    ...(review === undefined ? [] : [reviewed(review, policyVersion)]),
    ...(comparison === undefined ? [] : [compared(comparison, policyVersion)]),
    ...verdict,
  ];
}

function compared(comparison: Comparison, policyVersion: number): SubmissionEvent {
  return { type: 'SourceCompared', data: { ...comparison, policyVersion } };
}

function reviewed(review: Review, policyVersion: number): SubmissionEvent {
  return { type: 'SubmissionReviewed', data: { ...review, policyVersion } };
}

function verdictEvents(state: AtGate, { gate, result, policyVersion }: RecordGate): Decision<SubmissionEvent> {
  const isContract = gate === 'contract';
  switch (result.kind) {
    case 'resolved':
      if (!isContract) return refuse('notDue', 'Only the contract gate resolves a contract.');
      return [
        {
          type: 'ContractResolved',
          data: { contract: result.contract, gateVersion: result.gateVersion, policyVersion },
        },
      ];
    case 'sketched':
      if (gate !== 'duplicate') return refuse('notDue', 'Only the duplicate gate sketches a source.');
      if (state.sketchVersion === result.sketch.sketchVersion) return [];
      return [{ type: 'SourceSketched', data: { ...result.sketch, policyVersion } }];
    case 'passed':
      if (isContract) return refuse('notDue', 'The contract gate passes by a resolved contract.');
      return [{ type: 'GatePassed', data: { ...passed(result), gate, policyVersion } }];
    case 'skipped':
      if (isContract) return refuse('notDue', 'The contract gate is never skipped.');
      return [{ type: 'GateSkipped', data: { gate, reason: result.reason, policyVersion } }];
    case 'held':
      return held(gate, result);
    case 'deferred':
      return deferred(state, gate, result, policyVersion);
    case 'failed':
      return failed(gate, result, policyVersion);
  }
}

function passed(result: Extract<RecordGate['result'], { kind: 'passed' }>) {
  const { gateVersion, evidence, findings = [], behaviour = null } = result;
  return { gateVersion, evidence, findings: findings.slice(0, findingsLimit).map(shortened), behaviour };
}

/** Where a gate leaves the answer to an operator: a release goes on behind it, an expiry asks it again. */
function held(
  gate: RecordGate['gate'],
  { holdId, reason, expiresAt }: Extract<RecordGate['result'], { kind: 'held' }>,
): Decision<SubmissionEvent> {
  if (gate !== 'llm' && gate !== 'duplicate') return refuse('notDue', `The ${gate} gate asks no operator.`);
  const shown = shownText(reason, textLimit);
  const data = { holdId, source: gate, reason: shown, operator: null, expiresAt, copyOf: null };
  return [{ type: 'SubmissionHeld', data }];
}

function deferred(
  state: AtGate,
  gate: RecordGate['gate'],
  { reason, retryAt }: Extract<RecordGate['result'], { kind: 'deferred' }>,
  policyVersion: number,
): Decision<SubmissionEvent> {
  if (state.deferral !== null && state.deferral.retryAt >= retryAt) return [];
  const deferral = (state.deferral?.count ?? 0) + 1;
  return [{ type: 'GateDeferred', data: { gate, reason, deferral, retryAt, policyVersion } }];
}

function failed(
  gate: RecordGate['gate'],
  { gateVersion, findings, evidence }: Extract<RecordGate['result'], { kind: 'failed' }>,
  policyVersion: number,
): Decision<SubmissionEvent> {
  const [first, ...others] = findings.slice(0, findingsLimit).map(shortened);
  if (first === undefined) return refuse('notDue', 'A gate fails by at least one finding.');
  const place = first.path === null ? '' : ` (${first.path}${first.line === null ? '' : `:${first.line}`})`;
  const message = `${first.rule}${place}: ${first.explanation}`;
  return [
    { type: 'GateFailed', data: { gate, gateVersion, findings: [first, ...others], evidence, policyVersion } },
    { type: 'SubmissionRejected', data: { reason: 'gateFailed', gate, message } },
  ];
}

function shortened(finding: Finding): Finding {
  return { ...finding, explanation: shownText(finding.explanation, explanationLimit) };
}
