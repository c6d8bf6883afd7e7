import { expect } from 'chai';
import { deriveId } from '../../domain/ids.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { givenSubmission } from '../domain/given-when-then.ts';
import {
  activePolicy,
  attemptCompleted,
  attemptStarted,
  completed,
  conclude,
  contractResolved,
  exportedState,
  fact,
  finding,
  gateSkipped,
  held,
  instant,
  measuredOnBothSides,
  measuring,
  received,
  resolved,
  runConcluded,
  runRequested,
  waiting,
} from '../domain/submission-examples.ts';
import {
  completedWith,
  type Happened,
  happen,
  leaseGranted,
  slotEvents,
  slotRegistered,
  submissionOf,
} from '../projections/fixtures.ts';
import { bridgeHeaders, bundle, get, post, type RunningApp, startApp } from './fixtures.ts';

const id = (name: string) => deriveId('test submission', name);
const cpuPolicy = activePolicy({ deviceClasses: ['cpu'] });
const currentEpoch = Math.floor(Date.parse(instant(0)) / 1_000 / cpuPolicy.policy.epochSeconds);

describe('the query routes', () => {
  let app: RunningApp;
  beforeEach(async () => {
    app = await startApp({ policy: cpuPolicy });
  });
  afterEach(() => app.close());

  async function given(...histories: readonly (readonly Happened[])[]) {
    await happen(app.log, histories.flat());
    await app.projected();
  }
  const submission = (name: string, events: readonly SubmissionEvent[], receipt = {}) =>
    submissionOf(id(name), events, { hotkey: name, epoch: currentEpoch, ...receipt });
  async function expectProblem(path: string, status: number, kind: string, headers = {}) {
    const answer = await get(app, path, headers);
    expect(answer.status, path).to.equal(status);
    expect(answer.body).to.include({ status, type: `urn:prism:problem:${kind}` });
    return answer;
  }

  describe('GET /v1/submissions/{id}', () => {
    it('shows a submission as soon as its receipt is answered', async () => {
      const { body } = await post(app, bundle());
      const shown = await get(app, `/v1/submissions/${body.id}`);
      expect(shown.status).to.equal(200);
      expect(shown.body).to.deep.include({ ...body, error: null, final_score: null, q_arch: null, attempts: 0 });
      expect(shown.body.links).to.deep.equal({
        self: `/v1/submissions/${body.id}`,
        events: `/v1/submissions/${body.id}/events`,
      });
    });

    it('shows the score of a completed one under the old names and ours', async () => {
      await given(submission('alice', completed));
      const { body } = await get(app, `/v1/submissions/${id('alice')}`);
      expect(body).to.include({
        status: 'completed',
        error: null,
        covered_bytes: 90_000,
        penalty: 1,
        anti_cheat_multiplier: 1,
      });
      expect(body.final_score).to.be.closeTo(body.score.final_score, 0);
      expect(body.score.charged_bpb).to.be.closeTo(body.score.bits_per_byte + body.score.source_bpb, 1e-12);
      expect(body.record_digest).to.match(/^d{64}$/);
    });

    it('shows what became of the state of one, and what its model shares with another seed’s', async () => {
      const seedAudit = { elements: 900, invariantElements: 40, informationBytes: 70 };
      const history = measuredOnBothSides.map((event) =>
        event.type === 'AttemptCompleted' ? fact(event.type, { ...event.data, seedAudit }) : event,
      );
      const { events: published } = givenSubmission(...history).when(conclude);
      await given(submission('alice', [...history, ...published]));
      const { body } = await get(app, `/v1/submissions/${id('alice')}`);
      expect(body).to.deep.include({
        ...{ status: 'completed', penalty: 1, attempts: 3, state_digest: exportedState.sha256 },
        seed_audit: { elements: 900, invariant_elements: 40, information_bytes: 70 },
      });
      const { gap_bpb, gap_standard_error_bpb, ...held } = body.score.held_out;
      expect(held).to.deep.equal({
        ...{ outcome: 'measured', bits_per_byte: 2.7, delta_bpb: 4, delta_standard_error_bpb: 0.03 },
      });
      expect([gap_bpb, gap_standard_error_bpb].map((bits) => bits.toFixed(6))).to.deep.equal(['0.200000', '0.042426']);
      expect(body.score.final_score).to.equal(body.score.base + body.score.tie_break);
      const { events } = (await get(app, `/v1/submissions/${id('alice')}/events`)).body;
      const shown = events.find(({ type }: { type: string }) => type === 'HeldOutMeasured');
      expect(shown.data).to.have.keys('run', 'attempt', 'result', 'measurement', 'runnerDigest', 'platform');
    });

    it('explains a rejection with its findings', async () => {
      const gateFailed = fact('GateFailed', {
        gate: 'static',
        gateVersion: '1',
        findings: [finding],
        evidence: null,
        policyVersion: 1,
      });
      const rejected = fact('SubmissionRejected', {
        reason: 'gateFailed',
        gate: 'static',
        message: 'a rule was broken',
      });
      await given(submission('alice', [received, contractResolved, gateFailed, rejected]));
      const { body } = await get(app, `/v1/submissions/${id('alice')}`);
      expect(body).to.deep.include({ status: 'rejected', error: 'a rule was broken' });
      const { excerptHash, ...seen } = finding;
      const findings = [{ ...seen, excerpt_hash: excerptHash }];
      expect(body.reason).to.deep.include({ code: 'gateFailed', findings });
    });

    it('shows the attempt in hand with its newest sign of life, and the place in the queue of those that wait', async () => {
      await given(submission('alice', measuring), submission('bob', waiting));
      app.beats.push({
        submissionId: id('alice'),
        run: 'score',
        attempt: 1,
        at: instant(9),
        phase: 'running',
        progress: 0.5,
      });
      const running = await get(app, `/v1/submissions/${id('alice')}?wait=projected`);
      expect(running.body).to.include({ status: 'running', attempts: 1, place_in_queue: null });
      expect(running.body.run).to.deep.include({ run: 'score', attempt: 1, state: 'running', device_class: 'cpu' });
      expect(running.body.progress).to.deep.equal({ at: instant(9), phase: 'running', covered: 0.5 });
      expect((await get(app, `/v1/submissions/${id('bob')}`)).body).to.include({
        status: 'pending',
        place_in_queue: 1,
      });
    });

    it('says how far a score can be relied on', async () => {
      const certainty = {
        ...{ standardErrorBpb: 0.002, blindBpb: 2.7, blindStandardErrorBpb: 0.05 },
        ...{ countedBpb: 2.6, undetectedBpb: 0.01, baselineBpb: 3.05 },
        confirmation: 'confirmed' as const,
      };
      const confirmed = completed.map((event) =>
        event.type === 'ScoreComputed'
          ? fact('ScoreComputed', { ...event.data, score: { ...event.data.score, ...certainty } })
          : event,
      );
      const rerun = [runRequested('rerun', 'rerun'), attemptStarted('rerun', 1), attemptCompleted('rerun', 1)];
      await given(submission('alice', [...confirmed, ...rerun, runConcluded('rerun', 'measured', 'confirmed')]));
      const shown = {
        ...{ standard_error_bpb: 0.002, confirmation: 'confirmed', counted_bpb: 2.6, undetected_bpb: 0.01 },
        ...{ baseline_bpb: 3.05 },
      };
      const { body } = await get(app, `/v1/submissions/${id('alice')}`);
      expect(body.score).to.include(shown);
      expect(body.score.blind).to.include({ bits_per_byte: 2.7, standard_error_bpb: 0.05 });
      expect(body.score.blind.low).to.be.closeTo(2.7 - 1.96 * 0.05, 1e-12);
      expect(body.score.blind.high).to.be.closeTo(2.7 + 1.96 * 0.05, 1e-12);
      expect(body).to.include({ rerun_verdict: 'confirmed', cuts_digest: '9'.repeat(64) });
      const [entry] = (await get(app, '/v1/leaderboard')).body.entries;
      expect(entry).to.include(shown);
      expect(entry.blind).to.deep.equal(body.score.blind);
    });

    it('shows no final score of a voided one', async () => {
      await given(submission('alice', [...completed, fact('ScoreVoided', { operator: 'olga', reason: 'copied' })]));
      const { body } = await get(app, `/v1/submissions/${id('alice')}`);
      expect(body.final_score).to.equal(null);
      expect(body.score.voided).to.equal(true);
    });

    it('knows nothing of unknown ids and of what is no id', async () => {
      await expectProblem(`/v1/submissions/${id('nobody')}`, 404, 'notFound');
      await expectProblem('/v1/submissions/..%2f..%2fetc', 404, 'notFound');
      await expectProblem('/v1/submissions/nobody/events', 404, 'notFound');
      await expectProblem(`/v1/submissions/${id('nobody')}/events`, 404, 'notFound');
    });
  });

  describe('GET /v1/submissions/{id}/events', () => {
    it('tells the life of a submission in order, without operators, evidence and logs', async () => {
      const life = [
        ...waiting,
        held('hold-1', 'operator'),
        resolved('hold-1', 'release'),
        ...completed.slice(waiting.length),
      ];
      await given(submission('alice', life));
      const { body } = await get(app, `/v1/submissions/${id('alice')}/events`);
      expect(body.events.map(({ type }: { type: string }) => type)).to.deep.equal(life.map(({ type }) => type));
      expect(body.events[0]).to.deep.include({ revision: 0, position: 1, recorded_at: instant(0) });
      expect(body.events[0].data).to.include({ hotkey: 'alice' });
      expect(JSON.stringify(body)).not.to.match(/olga|"operator":|evidence|"log"|"metadata"|"bundle":/);
      expect(body.next_cursor).to.equal(null);
    });

    it('shows cuts, examination, keys and verdicts: whoever wants to can check them', async () => {
      await given(submission('alice', completed));
      const { body } = await get(app, `/v1/submissions/${id('alice')}/events`);
      const of = (type: string) => body.events.find((event: { type: string }) => event.type === type).data;
      expect(of('AttemptCompleted')).to.include.keys('record', 'cuts', 'examination', 'keys');
      expect(of('RunConcluded')).to.deep.equal({ run: 'score', conclusion: 'measured', verdict: null });
    });

    it('is read in pages by cursor', async () => {
      const deferred = Array.from({ length: 150 }, (_, index) =>
        fact('GateDeferred', {
          gate: 'contract',
          reason: 'outage',
          deferral: index + 1,
          retryAt: instant(index),
          policyVersion: 1,
        }),
      );
      await given(submission('alice', [received, ...deferred]));
      const path = `/v1/submissions/${id('alice')}/events`;
      const first = (await get(app, path)).body;
      expect(first.events).to.have.length(100);
      const second = (await get(app, `${path}?cursor=${first.next_cursor}`)).body;
      expect(second.events).to.have.length(51);
      expect(second.events[0].revision).to.equal(100);
      expect(second.next_cursor).to.equal(null);
    });

    it('refuses cursors that are none of ours', async () => {
      await given(submission('alice', [received]));
      for (const cursor of ['nonsense', 'LTE', encodeURIComponent('{}')]) {
        await expectProblem(`/v1/submissions/${id('alice')}/events?cursor=${cursor}`, 400, 'badCursor');
      }
      await expectProblem(`/v1/submissions/${id('alice')}/events?cursor=a&cursor=b`, 400, 'badRequest');
    });
  });

  describe('GET /v1/leaderboard', () => {
    it('ranks the current epoch, best per hotkey', async () => {
      await given(
        submission('alice', completedWith(0.5)),
        submission('bob', completedWith(0.7)),
        submissionOf(id('worse'), completedWith(0.6), { hotkey: 'bob', epoch: currentEpoch }),
        submission('carol', completedWith(0.9), { epoch: currentEpoch - 1 }),
      );
      const { body } = await get(app, '/v1/leaderboard');
      expect(body).to.include({ epoch_id: currentEpoch, scope: 'epoch', device_class: 'cpu', next_cursor: null });
      expect(body.entries.map(({ rank, hotkey, score }: Entry) => [rank, hotkey, score])).to.deep.equal([
        [1, 'bob', 0.7],
        [2, 'alice', 0.5],
      ]);
      expect(body.entries[0]).to.include({ submission_id: id('bob'), epoch_id: currentEpoch });
    });

    it('answers for another epoch, for all of them, and for another device class', async () => {
      await given(
        submission('alice', completedWith(0.5)),
        submission('carol', completedWith(0.9), { epoch: 3 }),
        submission('dan', completedWith(0.1, 'gpu')),
      );
      const hotkeys = async (query: string) =>
        (await get(app, `/v1/leaderboard?${query}`)).body.entries.map(({ hotkey }: Entry) => hotkey);
      expect(await hotkeys('epoch_id=3')).to.deep.equal(['carol']);
      expect(await hotkeys('scope=all')).to.deep.equal(['carol', 'alice']);
      expect(await hotkeys('scope=all&device_class=gpu')).to.deep.equal(['dan']);
      expect(await hotkeys('epoch_id=4')).to.deep.equal([]);
    });

    it('has 50 rows a page', async () => {
      const names = Array.from({ length: 60 }, (_, index) => `hotkey-${String(index).padStart(2, '0')}`);
      await given(
        ...names.map((name, index) =>
          submission(name, completedWith((index % 7) / 10), { receivedAt: instant(index % 5) }),
        ),
      );
      const first = (await get(app, '/v1/leaderboard')).body;
      const second = (await get(app, `/v1/leaderboard?cursor=${first.next_cursor}`)).body;
      const all: Entry[] = [...first.entries, ...second.entries];
      expect([first.entries.length, second.entries.length, second.next_cursor]).to.deep.equal([50, 10, null]);
      expect(all.map(({ rank }) => rank)).to.deep.equal(names.map((_, index) => index + 1));
      expect(new Set(all.map(({ hotkey }) => hotkey)).size).to.equal(60);
    });

    it('refuses parameters of another shape', async () => {
      for (const query of ['epoch_id=last', 'scope=some', 'device_class=tpu', 'epoch_id=1&epoch_id=2']) {
        await expectProblem(`/v1/leaderboard?${query}`, 400, 'badRequest');
      }
      await expectProblem('/v1/leaderboard?cursor=e30', 400, 'badCursor');
    });
  });

  describe('GET /internal/v1/get_weights', () => {
    const path = '/internal/v1/get_weights';
    const { Authorization } = bridgeHeaders;
    const headers = { Authorization, 'X-Platform-Challenge-Slug': 'prism' };

    it('normalises the best scores of the current epoch to the sum of 1', async () => {
      await given(
        submission('alice', completedWith(0.25)),
        submission('bob', completedWith(0.75)),
        submission('old', completedWith(0.9), { epoch: 3 }),
      );
      const { body, status, headers: answered } = await get(app, path, headers);
      expect(status).to.equal(200);
      expect(answered.get('cache-control')).to.equal('no-store');
      expect(body).to.deep.include({
        challenge_slug: 'prism',
        epoch: currentEpoch,
        weights: { bob: 0.75, alice: 0.25 },
      });
      expect(body.metadata).to.include({
        computed_at: instant(0),
        as_of_position: await app.log.head(),
        rule: 'best_per_hotkey',
      });
    });

    it('has no weights without scores', async () => {
      expect((await get(app, path, headers)).body.weights).to.deep.equal({});
    });

    it('takes the slug under either name, and no other slug', async () => {
      expect((await get(app, path, { Authorization, 'X-Base-Challenge-Slug': 'prism' })).status).to.equal(200);
      await expectProblem(path, 400, 'wrongSlug', { Authorization });
      await expectProblem(path, 400, 'wrongSlug', { Authorization, 'X-Platform-Challenge-Slug': 'prisma' });
      await expectProblem(path, 400, 'wrongSlug', { ...headers, 'X-Base-Challenge-Slug': 'other' });
    });

    it('wants the token', async () => {
      await expectProblem(path, 401, 'unauthorized', { 'X-Platform-Challenge-Slug': 'prism' });
      const closed = await startApp({ sharedToken: null });
      expect((await get(closed, path, headers)).status).to.equal(503);
      await closed.close();
    });
  });

  it('list epochs with submissions and the current one, newest first, in pages', async () => {
    await given(...Array.from({ length: 60 }, (_, epoch) => submission(`h${epoch}`, [received], { epoch })));
    const first = await get(app, '/v1/epochs');
    expect(first.body).to.have.length(50);
    const { epochSeconds } = cpuPolicy.policy;
    expect(first.body[0]).to.deep.equal({
      id: currentEpoch,
      starts_at: new Date(currentEpoch * epochSeconds * 1_000).toISOString(),
      ends_at: new Date((currentEpoch + 1) * epochSeconds * 1_000).toISOString(),
      status: 'open',
      submissions: 0,
    });
    expect(first.body[1]).to.include({ id: 59, status: 'ended', submissions: 1 });
    const next = /^<(.+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await get(app, next);
    expect(second.body.map(({ id: epoch }: { id: number }) => epoch)).to.deep.equal(
      Array.from({ length: 11 }, (_, index) => 10 - index),
    );
    expect(second.headers.get('link')).to.equal(null);
    expect((await get(app, '/v1/epochs/current')).body).to.deep.equal({
      epoch_id: currentEpoch,
      epoch_seconds: epochSeconds,
    });
  });

  it('count eval jobs by level and state', async () => {
    await given(submission('alice', completed), submission('bob', [received]));
    const { body } = await get(app, '/v1/health/eval-jobs');
    expect(body.levels).to.deep.equal({ cpu: { completed: 1 }, l1: { completed: 1, running: 1 } });
    expect(body.oldest_open_at).to.equal(instant(completed.length));
  });

  it('show slots and leases', async () => {
    await given(
      slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted(id('alice'), 'score', 1)),
      slotEvents('cpu1', slotRegistered('cpu1'), {
        type: 'SlotQuarantined',
        data: { operator: 'olga', reason: 'hot' },
      }),
    );
    const { body } = await get(app, '/v1/gpu/status');
    expect(body.slots.map(({ state }: { state: string }) => state)).to.deep.equal(['leased', 'quarantined']);
    expect(body.slots[0].lease).to.include({ submission_id: id('alice'), run: 'score', deadline_at: instant(2_000) });
  });

  describe('GET /health', () => {
    it('is ok with a slot and read models that follow', async () => {
      await given(slotEvents('cpu0', slotRegistered('cpu0')));
      const { status, body } = await get(app, '/health');
      expect(status).to.equal(200);
      expect(body).to.deep.include({ status: 'ok', slug: 'prism', version: '0.1.0', reasons: [], log: { head: 1 } });
      expect(body.executor).to.deep.equal({ slots: 1, leased: 0, quarantined: 0 });
      expect(body.projections[0]).to.include({ lag: 0, state: 'live', poison: null });
    });

    it('names the slots that take no leases', async () => {
      const quarantine = { type: 'SlotQuarantined', data: { operator: null, reason: 'deviceLost: gone' } } as const;
      await given(slotEvents('cpu0', slotRegistered('cpu0')), slotEvents('gpu0', slotRegistered('gpu0'), quarantine));
      const { body } = await get(app, '/health');
      expect(body).to.deep.include({ status: 'degraded', reasons: ['slotQuarantined:slot-host-gpu0'] });
      expect(body.executor).to.deep.equal({ slots: 2, leased: 0, quarantined: 1 });
    });

    it('names what is degraded', async () => {
      await given([[`submission-${id('alice')}`, { type: 'SubmissionSangASong', data: {} }]]);
      const { status, body } = await get(app, '/health');
      expect(status).to.equal(200);
      expect(body.status).to.equal('degraded');
      expect(body.reasons).to.include.members(['noSlotRegistered', 'projectionPoisoned:scores']);
      const scores = body.projections.find(({ name }: { name: string }) => name === 'scores');
      expect(scores.poison).to.include({ position: 1 });
    });

    it('says which gate can’t be asked, why, and how many wait for it', async () => {
      const deferred = (retryAt: string) =>
        fact('GateDeferred', { gate: 'llm', reason: 'reviewerUnavailable', deferral: 1, retryAt, policyVersion: 1 });
      const atLlm = waiting.slice(0, -2);
      await given(
        slotEvents('cpu0', slotRegistered('cpu0')),
        submission('alice', [...atLlm, deferred(instant(90))]),
        submission('bob', [...atLlm, deferred(instant(60))]),
        submission('carol', [...waiting.slice(0, -2), deferred(instant(30)), gateSkipped('llm')]),
        submission('dave', [...atLlm, deferred(instant(20)), held('hold-1', 'operator')]),
      );
      const { body } = await get(app, '/health');
      expect(body).to.deep.include({ status: 'degraded', reasons: ['gateDeferred:llm:reviewerUnavailable'] });
      expect(body.deferred_gates).to.deep.equal([
        { gate: 'llm', reason: 'reviewerUnavailable', submissions: 2, retry_at: instant(60) },
      ]);
    });

    it('says why the log takes no events', async () => {
      const full = await startApp({ writeFault: 'diskFull' });
      const { status, body } = await get(full, '/health');
      await full.close();
      expect(status).to.equal(200);
      expect(body.status).to.equal('degraded');
      expect(body.reasons).to.include('logNotWritable:diskFull');
    });

    it('is unavailable without the log', async () => {
      await app.log.close();
      const { status, body } = await get(app, '/health');
      expect(status).to.equal(503);
      expect(body).to.deep.include({ status: 'unavailable', slug: 'prism', reasons: ['logUnavailable'] });
    });
  });

  it('tell the version', async () => {
    expect((await get(app, '/version')).body).to.deep.equal({
      api_version: 'v1',
      challenge_version: '0.1.0',
      sdk_version: '0.1.0',
      capabilities: ['bridge'],
    });
  });

  it('answer what is not served with a problem', async () => {
    await expectProblem('/', 404, 'notFound');
    await expectProblem('/v1/nothing', 404, 'notFound');
    const wrong = await fetch(`${app.url}/health`, { method: 'POST', body: 'x' });
    expect(wrong.status).to.equal(405);
    expect(wrong.headers.get('allow')).to.equal('HEAD, GET');
    expect(await wrong.json()).to.include({ type: 'urn:prism:problem:methodNotAllowed' });
    expect((await fetch(`${app.url}/internal/v1/bridge/submissions`)).status).to.equal(405);
  });
});

type Entry = { readonly rank: number; readonly hotkey: string; readonly score: number };
