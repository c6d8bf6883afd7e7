import { expect } from 'chai';
import { rejectionReasons, type SubmissionEvent } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { initialState } from '../../domain/submission/state.ts';
import { permits } from '../../machines/submission-machine.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptFailed,
  attemptKey,
  attemptStarted,
  completed,
  contractResolved,
  fact,
  finding,
  gateSkipped,
  held,
  measurement,
  measuring,
  queued,
  received,
  resolved,
  runConcluded,
  runRequested,
  scoreOf,
  scoring,
  waiting,
} from '../domain/submission-examples.ts';

const score = scoreOf(measurement);
const voided = fact('ScoreVoided', { operator: 'olga', reason: 'leaked' });
const recomputed = fact('ScoreRecomputed', { run: 'score', score, reason: 'season', policyVersion: 2 });
const gateFailed = fact('GateFailed', {
  gate: 'contract',
  gateVersion: '1',
  findings: [finding],
  evidence: null,
  policyVersion: 1,
});
const failed = (reason: 'exception' | 'timeout' | 'unscorable' | 'attemptsExhausted') =>
  fact('SubmissionFailed', { reason, run: 'score', attempt: 1, where: null, message: 'it failed' });
const heldOut = [runRequested('heldOut', 'heldOut'), attemptStarted('heldOut', 1)];

const rerunStarted = [runRequested('rerun', 'rerun'), attemptStarted('rerun', 1)];
const rerun = [...rerunStarted, attemptCompleted('rerun', 1)];

/** What the machine must never let follow, whatever `decide` may come to think of. */
const forbidden: readonly (readonly [string, readonly SubmissionEvent[], SubmissionEvent])[] = [
  ['a second receipt', [received], received],
  ['a life without a receipt', [], contractResolved],
  ['a skipped contract', [received], gateSkipped('contract')],
  ['a gate before its turn', [received, contractResolved], gateSkipped('llm')],
  ['a gate behind its turn', queued, gateSkipped('llm')],
  ['a run before the gates are passed', [received], runRequested('score', 'score')],
  ['a held-out run before the score run', queued, runRequested('heldOut', 'heldOut')],
  ['a second score run', waiting, runRequested('again', 'score')],
  ['the same run twice', measuring, runRequested('score', 'score')],
  ['a held-out run after publication', completed, runRequested('heldOut', 'heldOut')],
  ['an attempt out of turn', waiting, attemptStarted('score', 2)],
  ['an attempt while one is running', measuring, attemptStarted('score', 2)],
  [
    'an outcome with another token',
    measuring,
    fact('AttemptAborted', { ...attemptAborted('score', 1).data, fencingToken: 9 }),
  ],
  ['an outcome of no attempt', waiting, attemptCompleted('score', 1)],
  ['a run concluded as measured without a measurement', measuring, runConcluded('score')],
  ['a score run concluded as failed', [...measuring, attemptFailed('score', 1)], runConcluded('score', 'failed')],
  ['a failure without a lost score run', measuring, failed('exception')],
  ['a failure with another verdict than the attempt’s', [...measuring, attemptFailed('score', 1)], failed('timeout')],
  ['our fault told as theirs', [...measuring, attemptAborted('score', 1)], failed('exception')],
  ['their fault told as ours', [...measuring, attemptFailed('score', 1)], failed('attemptsExhausted')],
  ['a failure while another run runs', [...measuring, ...heldOut, attemptFailed('score', 1)], failed('exception')],
  ['a failed scoring for another reason than the score', scoring, failed('exception')],
  [
    'a score before every run is concluded',
    measuring,
    fact('ScoreComputed', { run: 'score', score, policyVersion: 1 }),
  ],
  ['a score of another run', scoring, fact('ScoreComputed', { run: 'heldOut', score, policyVersion: 1 })],
  ['a publication without a score', scoring, fact('SubmissionCompleted', { finalScore: 1, deviceClass: 'cpu' })],
  ['a hold over a running attempt', measuring, held('h1', 'operator')],
  ['a hold over a hold', [received, held('h1', 'operator')], held('h2', 'operator')],
  ['a hold for integrity after publication', completed, held('h1', 'integrity')],
  [
    'the same on the word of a rerun that agrees',
    [...completed, ...rerun, runConcluded('rerun', 'measured', 'confirmed')],
    held('h1', 'integrity'),
  ],
  ['a rerun without a verdict', [...completed, ...rerun], runConcluded('rerun')],
  [
    'a score run with a verdict',
    [...measuring, attemptCompleted('score', 1)],
    runConcluded('score', 'measured', 'confirmed'),
  ],
  [
    'a rerun that failed on their side and agrees',
    [...completed, ...rerunStarted, attemptFailed('rerun', 1)],
    runConcluded('rerun', 'failed', 'confirmed'),
  ],
  [
    'a rerun that ended on ours and accuses',
    [...completed, ...rerunStarted, attemptAborted('rerun', 1)],
    runConcluded('rerun', 'exhausted', 'contradicted'),
  ],
  ['a resolution of another hold', [received, held('h1', 'operator')], resolved('h2', 'release')],
  ['an expiry of another hold', [received, held('h1', 'operator')], fact('HoldExpired', { holdId: 'h2' })],
  ['a withdrawal of a running submission', measuring, fact('SubmissionWithdrawn', { hotkey: 'any' })],
  ['a score voided twice', [...completed, voided], voided],
  ['a voided score recomputed', [...completed, voided], recomputed],
  [
    'a cancelled attempt that never ran',
    waiting,
    fact('AttemptCancelled', { ...attemptKey('score', 1), operator: 'olga', reason: 'no' }),
  ],
];

describe('The law of the submission machine', () => {
  for (const [what, history, event] of forbidden) {
    it(`forbids ${what}`, () => {
      expect(permits(history.reduce(evolve, initialState), event)).to.equal(false);
    });
  }

  it('lets a rerun that contradicts park a published score', () => {
    const contradicted = [...completed, ...rerun, runConcluded('rerun', 'measured', 'contradicted')];
    expect(permits(contradicted.reduce(evolve, initialState), held('h1', 'integrity'))).to.equal(true);
  });

  it('rejects for the reason that led there, and no other', () => {
    const rejecting = [received, gateFailed].reduce(evolve, initialState);
    const permitted = rejectionReasons.filter((reason) =>
      permits(rejecting, fact('SubmissionRejected', { reason, gate: null, message: 'no' })),
    );
    expect(permitted).to.deep.equal(['gateFailed']);
  });

  it('lets each of the histories that the tests stand on happen, event after event', () => {
    for (const history of [completed, [...measuring, ...heldOut], [...measuring, attemptFailed('score', 1)]]) {
      history.reduce((state, event) => {
        expect(permits(state, event), event.type).to.equal(true);
        return evolve(state, event);
      }, initialState);
    }
  });
});
