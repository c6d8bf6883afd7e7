import { expect } from 'chai';
import { publicStatus } from '../../domain/submission/state.ts';
import { givenSubmission as given } from './given-when-then.ts';
import {
  comparison,
  completed,
  completedOutcome,
  conclude,
  contract,
  contractResolved,
  digest,
  finding,
  gateSkipped,
  instant,
  measurement,
  measuring,
  owner,
  queued,
  receipt,
  received,
  recordGate,
  recordOutcome,
  requestRun,
  review,
  scoreOf,
  scoring,
  sketch,
  sketched,
  startAttempt,
  waiting,
} from './submission-examples.ts';

const untilLlm = queued.slice(0, -1);

describe('A submission', () => {
  it('is received once; the same receipt again is already so', () => {
    given()
      .when({ kind: 'ReceiveSubmission', received: receipt })
      .thenYields({ type: 'SubmissionReceived', data: receipt });
    given(received).when({ kind: 'ReceiveSubmission', received: receipt }).thenYields();
  });

  it('is unknown to every other command before its receipt', () => {
    given().when(conclude).thenRefused('unknownSubmission');
    given().when({ kind: 'Withdraw', hotkey: owner }).thenRefused('unknownSubmission');
  });

  it('goes from its receipt to a published score', () => {
    given(received)
      .when(recordGate('contract', { kind: 'resolved', contract, gateVersion: 'contract-1' }))
      .thenYields({ type: 'ContractResolved' });
    given(...queued)
      .when(requestRun('score', 'score'))
      .thenYields({ type: 'RunRequested' });
    given(...waiting)
      .when(startAttempt('score', 1))
      .thenYields({ type: 'AttemptStarted' })
      .state((state) => expect(state.phase).to.equal('measuring'));
    given(...measuring)
      .when(recordOutcome('score', 1, completedOutcome))
      .thenYields(
        { type: 'AttemptCompleted' },
        { type: 'RunConcluded', data: { run: 'score', conclusion: 'measured' } },
      );
    given(...scoring)
      .when(conclude)
      .thenYields(
        { type: 'ScoreComputed', data: { run: 'score', score: scoreOf(measurement), policyVersion: 1 } },
        { type: 'AttributionDecided', data: { decision: 'none' } },
        { type: 'SubmissionCompleted', data: { finalScore: scoreOf(measurement).finalScore, deviceClass: 'cpu' } },
      );
    given(...completed)
      .when(conclude)
      .thenYields();
  });

  it('is pending until a lease, running until the verdict', () => {
    const statuses = [received, queued, waiting, measuring, scoring, completed].map((history) => {
      const { state } = given(...[history].flat());
      return state.phase === 'absent' ? null : publicStatus(state);
    });
    expect(statuses).to.deep.equal(['pending', 'pending', 'pending', 'running', 'running', 'completed']);
  });

  it('is rejected by the first gate that fails, with rule and place', () => {
    given(received)
      .when(recordGate('contract', { kind: 'failed', gateVersion: 'contract-1', findings: [finding], evidence: null }))
      .thenYields(
        { type: 'GateFailed', data: { findings: [finding] } },
        {
          type: 'SubmissionRejected',
          data: { reason: 'gateFailed', message: 'prism:contract-symbol (training.py:3): train is not callable' },
        },
      );
  });

  it('cuts what a gate says to what an event may carry', () => {
    const long = { ...finding, explanation: 'x'.repeat(5_000) };
    const findings = Array.from({ length: 150 }, () => long);
    const { events } = given(received).when(
      recordGate('contract', { kind: 'failed', gateVersion: 'contract-1', findings, evidence: null }),
    );
    const [failed] = events;
    if (failed?.type !== 'GateFailed') return expect.fail('no GateFailed');
    expect(failed.data.findings).to.have.length(100);
    expect(failed.data.findings[0]?.explanation).to.have.length(2_000);
  });

  it('is never rejected by a gate that found nothing', () => {
    given(received)
      .when(recordGate('contract', { kind: 'failed', gateVersion: 'contract-1', findings: [], evidence: null }))
      .thenRefused('notDue');
  });

  it('takes gates in their order only', () => {
    const pass = { kind: 'passed', gateVersion: 'static-1', evidence: null } as const;
    given(received).when(recordGate('static', pass)).thenRefused('notDue');
    given(received, contractResolved).when(recordGate('static', pass)).thenYields({ type: 'GatePassed' });
    const seen = { ...pass, behaviour: digest('7') };
    given(received, contractResolved).when(recordGate('static', seen)).thenRefused('notDue');
    given(received, contractResolved, gateSkipped('static'))
      .when(recordGate('parameters', seen))
      .thenYields({ type: 'GatePassed', data: { gate: 'parameters', behaviour: digest('7') } });
    given(...queued)
      .when(recordGate('static', pass))
      .thenYields();
  });

  it('never skips the contract, nor passes it without having resolved it', () => {
    given(received)
      .when(recordGate('contract', { kind: 'skipped', reason: 'off' }))
      .thenRefused('notDue');
    given(received)
      .when(recordGate('contract', { kind: 'passed', gateVersion: '1', evidence: null }))
      .thenRefused('notDue');
    given(received, contractResolved)
      .when(recordGate('static', { kind: 'resolved', contract, gateVersion: '1' }))
      .thenRefused('notDue');
  });

  it('is held by a gate that leaves the answer to an operator, right behind the review that led there', () => {
    const result = { kind: 'held', holdId: 'h1', reason: 'odd', expiresAt: instant(60), review } as const;
    given(...untilLlm)
      .when(recordGate('llm', result))
      .thenYields(
        { type: 'SubmissionReviewed', data: { ...review, policyVersion: 1 } },
        { type: 'SubmissionHeld', data: { holdId: 'h1', source: 'llm', reason: 'odd', operator: null } },
      )
      .state((state) => expect(state.phase).to.equal('held'));
    given(...untilLlm.slice(0, 2))
      .when(recordGate('static', result))
      .thenRefused('notDue');
  });

  it('is reviewed at the LLM gate alone', () => {
    const passed = { kind: 'passed', gateVersion: '1', evidence: null, review } as const;
    given(...untilLlm.slice(0, -1))
      .when(recordGate('duplicate', passed))
      .thenRefused('notDue');
    given(...untilLlm)
      .when(recordGate('llm', passed))
      .thenYields({ type: 'SubmissionReviewed' }, { type: 'GatePassed', data: { gate: 'llm' } });
  });

  it('is sketched at the duplicate gate, once a version, and compared there', () => {
    const atDuplicate = untilLlm.slice(0, -1);
    const sketching = { kind: 'sketched', sketch } as const;
    given(...atDuplicate)
      .when(recordGate('duplicate', sketching))
      .thenYields({ type: 'SourceSketched', data: { ...sketch, policyVersion: 1 } })
      .state((state) => expect(state).to.include({ gate: 'duplicate', sketchVersion: 'sketch/1' }));
    given(...atDuplicate, sketched)
      .when(recordGate('duplicate', sketching))
      .thenYields();
    const later = { ...sketch, sketchVersion: 'sketch/2' };
    given(...atDuplicate, sketched)
      .when(recordGate('duplicate', { ...sketching, sketch: later }))
      .thenYields({ type: 'SourceSketched', data: { sketchVersion: 'sketch/2' } });
    const passed = { kind: 'passed', gateVersion: '1', evidence: null, comparison } as const;
    given(...atDuplicate, sketched)
      .when(recordGate('duplicate', passed))
      .thenYields(
        { type: 'SourceCompared', data: { ...comparison, policyVersion: 1 } },
        { type: 'GatePassed', data: { gate: 'duplicate' } },
      );
    given(...untilLlm)
      .when(recordGate('llm', sketching))
      .thenRefused('notDue');
    given(...untilLlm)
      .when(recordGate('llm', passed))
      .thenRefused('notDue');
  });

  it('keeps its sketch where the duplicate gate is put off', () => {
    given(...untilLlm.slice(0, -1), sketched)
      .when(recordGate('duplicate', { kind: 'deferred', reason: 'down', retryAt: instant(2) }))
      .thenYields({ type: 'GateDeferred' })
      .state((state) => expect(state).to.include({ sketchVersion: 'sketch/1' }));
  });

  it('stays at a gate that could not answer, and counts how often', () => {
    const deferral = (seconds: number) =>
      recordGate('contract', { kind: 'deferred', reason: 'inspectorUnavailable', retryAt: instant(seconds) });
    const first = given(received)
      .when(deferral(2))
      .thenYields({ type: 'GateDeferred', data: { deferral: 1 } });
    const deferred = given(received, ...first.events);
    deferred.when(deferral(2)).thenYields();
    deferred
      .when(deferral(6))
      .thenYields({ type: 'GateDeferred', data: { deferral: 2, retryAt: instant(6) } })
      .state((state) => expect(state).to.include({ phase: 'gate', gate: 'contract' }));
    deferred
      .when(recordGate('contract', { kind: 'resolved', contract, gateVersion: '1' }))
      .thenYields({ type: 'ContractResolved' })
      .state((state) => expect(state).to.deep.include({ gate: 'static', deferral: null }));
  });

  it('is withdrawn by its owner while it is pending, once', () => {
    const withdrawal = { kind: 'Withdraw', hotkey: owner } as const;
    const { events } = given(...waiting)
      .when(withdrawal)
      .thenYields({ type: 'SubmissionWithdrawn' }, { type: 'SubmissionRejected', data: { reason: 'withdrawn' } });
    given(...waiting, ...events)
      .when(withdrawal)
      .thenYields();
    given(...waiting)
      .when({ kind: 'Withdraw', hotkey: 'somebody else' })
      .thenRefused('notOwner');
    given(...measuring)
      .when(withdrawal)
      .thenRefused('tooLate');
  });

  it('takes no attempt once it is withdrawn', () => {
    const { events } = given(...waiting).when({ kind: 'Withdraw', hotkey: owner });
    given(...waiting, ...events)
      .when(startAttempt('score', 1))
      .thenRefused('notDue');
  });

  it('has failed where nothing was covered, and is never scored', () => {
    const nothing = { ...measurement, microNats: 0, coveredBytes: 0, uncoveredBytes: 100_000 };
    const { events } = given(...measuring).when(
      recordOutcome('score', 1, { ...completedOutcome, measurement: nothing }),
    );
    given(...measuring, ...events)
      .when(conclude)
      .thenYields({ type: 'SubmissionFailed', data: { reason: 'unscorable' } });
  });
});
