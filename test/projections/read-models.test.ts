import { expect } from 'chai';
import { dueSubmissionQueries, projectedDueWork } from '../../projections/due-submissions.ts';
import { epochQueries } from '../../projections/epochs.ts';
import { evalJobQueries } from '../../projections/eval-jobs.ts';
import { slotQueries } from '../../projections/gpu-leases.ts';
import { minerQueries } from '../../projections/miners.ts';
import { submissionQueries } from '../../projections/submissions.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptFailed,
  attemptStarted,
  blob,
  completed,
  contractResolved,
  fact,
  finding,
  gateSkipped,
  held,
  instant,
  measuring,
  queued,
  received,
  resolved,
  runRequested,
  scoring,
  waiting,
} from '../domain/submission-examples.ts';
import {
  exampleScore,
  leaseGranted,
  policyActivated,
  slotEvents,
  slotOf,
  slotRegistered,
  submissionOf,
  variedHistory,
} from './fixtures.ts';
import { readModelsOfGiven } from './read-models.ts';

describe('read models', () => {
  const models = readModelsOfGiven();
  const { given } = models;

  describe('submissions', () => {
    const byId = () => submissionQueries(models.db).byId('one');

    it('know a submission from its receipt on', async () => {
      await given(submissionOf('one', [received]));
      expect(byId()).to.deep.include({
        id: 'one',
        hotkey: received.data.hotkey,
        epoch: 7,
        filename: 'bundle.zip',
        codeHash: received.data.codeHash,
        receivedAt: instant(0),
        status: 'pending',
        reason: null,
        run: null,
        attempts: 0,
        recordDigest: null,
        score: null,
        position: 1,
        policyVersion: 1,
      });
    });

    it('know nothing of a submission that was never received', async () => {
      await given(submissionOf('one', [contractResolved]));
      expect(byId()).to.equal(null);
    });

    it('say which gate waits for what, and until when', async () => {
      const deferred = {
        gate: 'llm',
        reason: 'reviewerUnavailable',
        deferral: 2,
        retryAt: instant(60),
        policyVersion: 1,
      } as const;
      await given(submissionOf('one', [received, contractResolved, fact('GateDeferred', deferred)]));
      expect(byId()).to.deep.include({ status: 'pending', gate: { name: 'llm', deferrals: 2, retryAt: instant(60) } });
      expect(byId()?.reason?.code).to.equal('reviewerUnavailable');
    });

    it('forget the outage once the gate has answered', async () => {
      const deferred = {
        gate: 'static',
        reason: 'inspectorUnavailable',
        deferral: 1,
        retryAt: instant(60),
        policyVersion: 1,
      } as const;
      await given(
        submissionOf('one', [received, contractResolved, fact('GateDeferred', deferred), gateSkipped('static')]),
      );
      expect(byId()).to.deep.include({ reason: null, gate: { name: 'parameters', deferrals: 0, retryAt: null } });
    });

    it('explain a rejection by the rule and the place', async () => {
      const evidence = blob('e');
      const gateFailed = fact('GateFailed', {
        gate: 'contract',
        gateVersion: '1',
        findings: [finding],
        evidence,
        policyVersion: 2,
      });
      const rejection = { reason: 'gateFailed', gate: 'contract', message: 'the contract gate failed' } as const;
      await given(submissionOf('one', [received, gateFailed, fact('SubmissionRejected', rejection)]));
      expect(byId()).to.deep.include({
        status: 'rejected',
        reason: { code: 'gateFailed', message: 'the contract gate failed', where: null, findings: [finding] },
        policyVersion: 2,
      });
    });

    it('show the attempt in hand', async () => {
      await given(submissionOf('one', [...measuring, attemptAborted('score', 1), attemptStarted('score', 2)]));
      expect(byId()).to.deep.include({
        status: 'running',
        attempts: 2,
        reason: null,
        run: {
          run: 'score',
          purpose: 'score',
          attempt: 2,
          state: 'running',
          deviceClass: 'cpu',
          slot: 'slot-host-cpu0',
          deadlineAt: instant(2_000),
        },
      });
    });

    it('say that an aborted attempt was our fault, while the next is awaited', async () => {
      await given(submissionOf('one', [...measuring, attemptAborted('score', 1)]));
      expect(byId()?.reason).to.include({ code: 'refereeLost', message: 'the referee is gone' });
    });

    it('show the record and the score of a completed submission', async () => {
      await given(submissionOf('one', completed));
      expect(byId()).to.deep.include({
        status: 'completed',
        recordDigest: blob('d').sha256,
        manifestDigest: blob('e').sha256,
        coveredBytes: 90_000,
        streamBytes: 100_000,
        score: { ...exampleScore, isVoided: false },
      });
    });

    it('keep the record of the score run when another run is measured later', async () => {
      const again = fact('AttemptCompleted', {
        ...attemptCompleted('again', 1).data,
        record: blob('0'),
      });
      await given(
        submissionOf('one', [...completed, runRequested('again', 'rerun'), attemptStarted('again', 1), again]),
      );
      expect(byId()).to.deep.include({ status: 'completed', recordDigest: blob('d').sha256, attempts: 2 });
    });

    it('say where a submission failed', async () => {
      const failure = {
        reason: 'exception',
        run: 'score',
        attempt: 1,
        where: 'training.py:7',
        message: 'ZeroDivisionError',
      } as const;
      await given(submissionOf('one', [...measuring, attemptFailed('score', 1), fact('SubmissionFailed', failure)]));
      expect(byId()).to.deep.include({
        status: 'failed',
        reason: { code: 'exception', message: 'ZeroDivisionError', where: 'training.py:7', findings: [] },
      });
    });

    it('show a hold as the reason while it lasts, and give the status back after it', async () => {
      await given(submissionOf('one', [...waiting, held('hold-1', 'operator')]));
      expect(byId()).to.deep.include({
        status: 'held',
        reason: { code: 'operator', message: 'looks odd', where: null, findings: [] },
        hold: { id: 'hold-1', source: 'operator', expiresAt: instant(86_400) },
      });
      await given(submissionOf('one', [resolved('hold-1', 'release')]));
      expect(submissionQueries(models.db).byId('one')).to.deep.include({ status: 'pending', reason: null, hold: null });
    });

    it('mark a voided score and say why', async () => {
      await given(submissionOf('one', [...completed, fact('ScoreVoided', { operator: 'olga', reason: 'copied' })]));
      expect(byId()?.score?.isVoided).to.equal(true);
      expect(byId()?.reason).to.include({ code: 'voided', message: 'copied' });
    });
  });

  describe('miners', () => {
    it('count what a hotkey handed in by how it ended', async () => {
      await given(variedHistory);
      const { byHotkey } = minerQueries(models.db);
      expect(byHotkey('bob')).to.deep.include({ submissions: 2, completed: 0, failed: 1, rejected: 1 });
      expect(byHotkey('alice')).to.deep.include({ submissions: 1, completed: 1, failed: 0, rejected: 0 });
      expect(byHotkey('nobody')).to.equal(null);
    });

    it('count a completed submission that an audit rejects as rejected alone', async () => {
      const rejection = { reason: 'holdRejected', gate: null, message: 'copied' } as const;
      const audited = [
        ...completed,
        held('hold-1', 'audit'),
        resolved('hold-1', 'reject'),
        fact('SubmissionRejected', rejection),
      ];
      await given(submissionOf('one', audited));
      expect(minerQueries(models.db).byHotkey(received.data.hotkey)).to.deep.include({ completed: 0, rejected: 1 });
    });
  });

  describe('eval_jobs', () => {
    const counts = () =>
      Object.fromEntries(
        evalJobQueries(models.db)
          .summary()
          .counts.map(({ level, state, jobs }) => [`${level} ${state}`, jobs]),
      );

    it('count the gate phase as one job of level l1, and every attempt as one of its device class', async () => {
      await given(
        submissionOf('one', completed),
        submissionOf('two', [...measuring, attemptAborted('score', 1), attemptStarted('score', 2)]),
        submissionOf('three', [received]),
      );
      expect(counts()).to.deep.equal({
        'l1 completed': 2,
        'l1 running': 1,
        'cpu completed': 1,
        'cpu aborted': 1,
        'cpu running': 1,
      });
    });

    it('end the gate phase when a released hold has answered the last gate', async () => {
      const held1 = [...queued.slice(0, -1), held('hold-1', 'llm')];
      await given(
        submissionOf('one', held1),
        submissionOf('two', [...held1, resolved('hold-1', 'release'), runRequested('score', 'score')]),
      );
      expect(counts()).to.deep.equal({ 'l1 completed': 1, 'l1 held': 1 });
    });

    it('tell how long something has been open', async () => {
      await given(submissionOf('one', completed), submissionOf('two', [received]));
      expect(evalJobQueries(models.db).summary().oldestOpenAt).to.equal(instant(completed.length));
    });
  });

  describe('gpu_leases', () => {
    it('show who holds a slot, and until when', async () => {
      await given(slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted('one', 'score', 1)));
      const { slots, freeSlots } = slotQueries(models.db);
      expect(slots()).to.have.length(1);
      expect(slots()[0]).to.include({
        slot: slotOf('cpu0'),
        submissionId: 'one',
        run: 'score',
        deadlineAt: instant(2_000),
      });
      expect(freeSlots()).to.deep.equal([]);
    });

    it('offer slots that are neither leased nor quarantined', async () => {
      await given(
        slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted('one', 'score', 1)),
        slotEvents('cpu1', slotRegistered('cpu1'), {
          type: 'SlotQuarantined',
          data: { operator: 'olga', reason: 'hot' },
        }),
        slotEvents('gpu0', slotRegistered('gpu0', 'gpu')),
        slotEvents('cpu0', { type: 'LeaseReleased', data: { fencingToken: 1, reason: 'done' } }),
      );
      const { openSlots } = slotQueries(models.db);
      expect(openSlots().map(({ device }) => device)).to.deep.equal(['cpu0', 'gpu0']);
      await given(slotEvents('cpu0', leaseGranted('two', 'score', 2)));
      expect(openSlots().map(({ device }) => device)).to.deep.equal(['cpu0', 'gpu0']);
      await given(slotEvents('cpu0', { type: 'LeaseReleased', data: { fencingToken: 2, reason: 'done' } }));
      expect(slotQueries(models.db).freeSlots()).to.deep.equal([
        { executor: 'host', device: 'cpu0', deviceClass: 'cpu' },
        { executor: 'host', device: 'gpu0', deviceClass: 'gpu' },
      ]);
    });

    it('name leases from their deadline on', async () => {
      await given(slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted('one', 'score', 3, instant(50))));
      const { expiredLeases } = slotQueries(models.db);
      expect(expiredLeases(instant(49))).to.deep.equal([]);
      expect(expiredLeases(instant(50))).to.deep.equal([{ executor: 'host', device: 'cpu0', fencingToken: 3 }]);
    });
  });

  describe('epochs', () => {
    it('count receipts by epoch and know its length from the policy of that day', async () => {
      await given([policyActivated], submissionOf('one', [received]), submissionOf('two', [received], { epoch: 9 }));
      expect(epochQueries(models.db).newest(null, 10)).to.deep.equal([
        { epoch: 9, epochSeconds: 21_600, submissions: 1 },
        { epoch: 7, epochSeconds: 21_600, submissions: 1 },
      ]);
      expect(epochQueries(models.db).newest(9, 10)).to.have.length(1);
    });
  });

  describe('due_submissions', () => {
    const due = (now = instant(0)) => projectedDueWork(models.db).submissions(now, 10);

    it('name the oldest receipts first, and no more than asked for', async () => {
      await given(submissionOf('one', [received]), submissionOf('two', [received]), submissionOf('three', [received]));
      expect(projectedDueWork(models.db).submissions(instant(0), 2)).to.deep.equal(['one', 'two']);
    });

    it('leave a deferred gate alone until its time', async () => {
      const deferred = {
        gate: 'contract',
        reason: 'inspectorUnavailable',
        deferral: 1,
        retryAt: instant(60),
        policyVersion: 1,
      } as const;
      await given(submissionOf('one', [received, fact('GateDeferred', deferred)]));
      expect(due(instant(59))).to.deep.equal([]);
      expect(due(instant(60))).to.deep.equal(['one']);
    });

    it('name a hold when it expires', async () => {
      await given(submissionOf('one', [...waiting, held('hold-1', 'operator', instant(100))]));
      expect(due(instant(99))).to.deep.equal([]);
      expect(due(instant(100))).to.deep.equal(['one']);
    });

    it('name a submission whose runs are all concluded', async () => {
      await given(submissionOf('one', scoring));
      expect(due()).to.deep.equal(['one']);
    });

    it('offer a waiting run until it has a lease, and again when the lease is gone', async () => {
      await given(submissionOf('one', waiting));
      const first = { submissionId: 'one', run: 'score' };
      expect(projectedDueWork(models.db).waitingRuns(5)).to.deep.equal([first]);
      expect(due()).to.deep.equal([]);
      const granted = slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted('one', 'score', 1));
      await given(granted);
      expect(projectedDueWork(models.db).waitingRuns(5)).to.deep.equal([]);
      await given(slotEvents('cpu0', { type: 'LeaseExpired', data: { fencingToken: 1 } }));
      expect(projectedDueWork(models.db).waitingRuns(5)).to.deep.equal([first]);
    });

    it('tell the place in the queue', async () => {
      await given(submissionOf('one', waiting), submissionOf('two', waiting), submissionOf('three', measuring));
      const { placeInQueue } = dueSubmissionQueries(models.db);
      expect(['one', 'two', 'three'].map(placeInQueue)).to.deep.equal([1, 2, null]);
    });
  });
});
