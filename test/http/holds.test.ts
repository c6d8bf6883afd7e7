import { expect } from 'chai';
import { listHolds, resolveHold, showHold } from '../../cli/commands/holds.ts';
import { CommandError } from '../../cli/exit-codes.ts';
import { serviceClient } from '../../cli/service-client.ts';
import { toAttachment } from '../../domain/blob-digest.ts';
import { deriveId } from '../../domain/ids.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { capturedOutput } from '../cli/captured-output.ts';
import {
  compared,
  fact,
  held,
  heldAsCopy,
  instant,
  likeness,
  originalFound,
  queued,
  resolved,
  reviewed,
  scoring,
} from '../domain/submission-examples.ts';
import { happen, submissionOf } from '../projections/fixtures.ts';
import { type Answer, get, type RunningApp, startApp, token } from './fixtures.ts';

const id = (name: string) => deriveId('test submission', name);
const holdId = (name: string) => deriveId('test hold', name);
const bearer = { Authorization: `Bearer ${token}` };
const decision = { resolution: 'release', operator: 'olga', reason: 'it is honest work' } as const;
const atLlm: readonly SubmissionEvent[] = queued.slice(0, -1);

describe('the routes of holds', () => {
  let app: RunningApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.close());

  async function given(name: string, events: readonly SubmissionEvent[]) {
    await happen(app.log, submissionOf(id(name), events, { hotkey: name }));
    await app.projected();
  }
  async function resolve(hold: string, body: unknown, headers: Record<string, string> = bearer): Promise<Answer> {
    const response = await fetch(`${app.url}/internal/v1/holds/${hold}/resolve`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }
  const list = async (query = '') => (await get(app, `/internal/v1/holds${query}`, bearer)).body;

  it('list what waits for an operator, oldest first, and with ?state=all what has ended', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    await given('bob', [...scoring, held(holdId('bob'), 'integrity')]);
    await given('carol', [...atLlm, held(holdId('carol'), 'operator'), resolved(holdId('carol'), 'release')]);
    await given('dave', [...atLlm, held(holdId('dave'), 'llm'), fact('HoldExpired', { holdId: holdId('dave') })]);
    const open = await list();
    expect(open.holds.map((hold: { id: string }) => hold.id)).to.deep.equal([holdId('alice'), holdId('bob')]);
    expect(open.holds[0]).to.deep.include({
      submission_id: id('alice'),
      source: 'llm',
      reason: 'looks odd',
      state: 'open',
      expires_at: instant(86_400),
      operator: null,
    });
    const { holds } = await list('?state=all');
    const states = holds.map(({ state, operator }: { state: string; operator: string | null }) => [state, operator]);
    expect(states).to.deep.equal([
      ['open', null],
      ['open', null],
      ['released', 'olga'],
      ['expired', null],
    ]);
  });

  it('list in pages by cursor', async () => {
    for (let index = 0; index < 51; index += 1) {
      await happen(app.log, submissionOf(id(`${index}`), [...atLlm, held(holdId(`${index}`), 'llm')]));
    }
    await app.projected();
    const first = await list();
    expect(first.holds).to.have.length(50);
    const second = await list(`?cursor=${first.next_cursor}`);
    expect(second.holds.map((hold: { id: string }) => hold.id)).to.deep.equal([holdId('50')]);
    expect(second.next_cursor).to.equal(null);
  });

  it('release a hold behind the gate that asked, by an event with operator and reason', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    const answer = await resolve(holdId('alice'), decision);
    expect(answer.status).to.equal(200);
    expect(answer.body).to.deep.include({ id: holdId('alice'), submission_id: id('alice'), status: 'pending' });
    const last = (await app.log.readStream(`submission-${id('alice')}`)).at(-1)?.envelope;
    expect(last?.type).to.equal('HoldResolved');
    expect(last?.data).to.deep.equal({ holdId: holdId('alice'), ...decision });
    await app.projected();
    const { body } = await get(app, `/v1/submissions/${id('alice')}`);
    expect(body).to.deep.include({ status: 'pending', hold: null, gate: null });
    expect((await list()).holds).to.deep.equal([]);
  });

  it('publish nothing but the reason of who decided', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    await resolve(holdId('alice'), decision);
    const { body } = await get(app, `/v1/submissions/${id('alice')}/events`);
    expect(JSON.stringify(body)).to.contain(decision.reason).and.not.contain('olga');
  });

  it('reject for good', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    const answer = await resolve(holdId('alice'), { ...decision, resolution: 'reject' });
    expect(answer.body).to.include({ status: 'rejected' });
    const types = (await app.log.readStream(`submission-${id('alice')}`)).map(({ envelope }) => envelope.type);
    expect(types.slice(-2)).to.deep.equal(['HoldResolved', 'SubmissionRejected']);
  });

  it('refuse a second decision, and say who made the first', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    const answers = await Promise.all([
      resolve(holdId('alice'), decision),
      resolve(holdId('alice'), { ...decision, operator: 'oscar', resolution: 'reject' }),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).to.deep.equal([200, 409]);
    const first = answers[0].status === 200 ? 'released by olga' : 'rejected by oscar';
    const again = await resolve(holdId('alice'), { ...decision, operator: 'otto' });
    expect(again.status).to.equal(409);
    expect(again.body).to.include({ type: 'urn:prism:problem:wrongHold' });
    expect(again.body.detail).to.contain(first).and.contain(decision.reason);
    const ends = (await app.log.readStream(`submission-${id('alice')}`)).filter(
      ({ envelope }) => envelope.type === 'HoldResolved',
    );
    expect(ends).to.have.length(1);
  });

  it('refuse to decide what has expired, and say so', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm'), fact('HoldExpired', { holdId: holdId('alice') })]);
    const answer = await resolve(holdId('alice'), decision);
    expect(answer.status).to.equal(409);
    expect(answer.body.detail).to.contain('expired');
  });

  it('find a hold that was placed a moment ago', async () => {
    await happen(app.log, submissionOf(id('alice'), [...atLlm, held(holdId('alice'), 'llm')]));
    expect((await resolve(holdId('alice'), decision)).status).to.equal(200);
  });

  const malformed: readonly (readonly [string, object])[] = [
    ['no operator', { ...decision, operator: '  ' }],
    ['no reason', { ...decision, reason: '' }],
    ['half a character', { ...decision, reason: 'half \ud800' }],
    ['another resolution', { ...decision, resolution: 'ignore' }],
    ['a member too many', { ...decision, force: true }],
  ];
  for (const [what, body] of malformed) {
    it(`take no decision with ${what}`, async () => {
      await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
      expect((await resolve(holdId('alice'), body)).status).to.equal(422);
      expect((await list()).holds).to.have.length(1);
    });
  }

  it('know nothing of unknown holds, and are closed without the token', async () => {
    expect((await resolve(holdId('nobody'), decision)).status).to.equal(404);
    expect((await resolve('no-id', decision)).status).to.equal(404);
    expect((await resolve(holdId('nobody'), decision, {})).status).to.equal(401);
    expect((await get(app, '/internal/v1/holds')).status).to.equal(401);
  });

  it('show what to decide by: the submission, who shares its source, and every word of the review', async () => {
    const transcript = Buffer.from(
      JSON.stringify({ exchanges: [{ pass: 'whole', part: 1, of: 1, opinion: { kind: 'clean' }, replies: ['…'] }] }),
    );
    const { reference } = toAttachment(transcript);
    app.stored.set(reference.sha256, transcript);
    const review = fact('SubmissionReviewed', { ...reviewed.data, transcript: reference });
    await given('bob', atLlm);
    await given('alice', [...atLlm, review, held(holdId('alice'), 'llm')]);
    const { body } = await get(app, `/internal/v1/holds/${holdId('alice')}`, bearer);
    expect(body).to.deep.include({ id: holdId('alice'), source: 'llm', state: 'open' });
    expect(body.submission).to.include({ id: id('alice'), hotkey: 'alice', status: 'held' });
    expect(body.sources.roles.training.paths).to.deep.equal(['training.py']);
    expect(body.shares_sources_with).to.deep.equal(
      ['architecture', 'code', 'training'].map((shares) => ({ submission_id: id('bob'), hotkey: 'bob', shares })),
    );
    expect(body.reviews).to.have.length(1);
    expect(body.reviews[0]).to.deep.include({ verdict: 'held', doubts: ['suspicious'], model: 'a-model' });
    expect(body.transcript.exchanges[0].replies).to.deep.equal(['…']);
    const shown = capturedOutput();
    expect(await showHold(serviceClient(app.url, token), holdId('alice'), shown.output)).to.equal(0);
    expect(shown.lines.join('')).to.contain('looks odd').and.contain('by a-model: held').and.contain(id('bob'));
  });

  it('show comparisons, and those that name the submission, in words too', async () => {
    const copy = { ...likeness, submissionId: id('alice'), received: 'later', similarity: 0.98, contained: 1 } as const;
    const naming = fact('SourceCompared', { ...compared.data, likenesses: [], copies: [copy] });
    const atDuplicate = queued.slice(0, -2);
    await given('bob', [...atDuplicate, naming]);
    await given('alice', [...atDuplicate, compared, originalFound, heldAsCopy(holdId('alice'))]);
    const shown = capturedOutput();
    expect(await showHold(serviceClient(app.url, token), holdId('alice'), shown.output)).to.equal(0);
    expect(shown.lines.join(''))
      .to.match(/^compared \S+: passed$/m)
      .and.contain('  like another: 70.0 % in common, 90.0 % of the earlier one contained')
      .and.match(new RegExp(`^named by ${id('bob')} \\S+: passed$`, 'm'))
      .and.contain(`  copy ${id('alice')}: 98.0 % in common`);
  });

  it('show a hold that no reviewer asked for, and none that there isn’t', async () => {
    await given('alice', [...scoring, held(holdId('alice'), 'integrity')]);
    const { body } = await get(app, `/internal/v1/holds/${holdId('alice')}`, bearer);
    expect(body).to.deep.include({ reviews: [], transcript: null, shares_sources_with: [] });
    expect((await get(app, `/internal/v1/holds/${holdId('nobody')}`, bearer)).status).to.equal(404);
    expect((await get(app, `/internal/v1/holds/${holdId('alice')}`)).status).to.equal(401);
  });

  it('keep the transcript, and its digest, from the public', async () => {
    await given('alice', [...atLlm, reviewed, held(holdId('alice'), 'llm')]);
    const { body } = await get(app, `/v1/submissions/${id('alice')}/events`);
    const event = body.events.find(({ type }: { type: string }) => type === 'SubmissionReviewed');
    expect(event.data).to.have.all.keys(
      ...['gateVersion', 'model', 'promptVersion', 'verdict', 'doubts', 'policyVersion'],
    );
    expect(JSON.stringify(body)).not.to.contain(reviewed.data.transcript.sha256);
  });

  it('serve `prism holds`', async () => {
    await given('alice', [...atLlm, held(holdId('alice'), 'llm')]);
    const client = serviceClient(app.url, token);
    const listed = capturedOutput();
    expect(await listHolds(client, { all: false }, listed.output)).to.equal(0);
    expect(listed.lines.join('')).to.contain(holdId('alice')).and.contain('looks odd');
    const decided = capturedOutput();
    expect(await resolveHold(client, holdId('alice'), decision, decided.output)).to.equal(0);
    expect(decided.lines.join('')).to.contain('released');
    const again = await resolveHold(client, holdId('alice'), decision, decided.output).catch((error: unknown) => error);
    expect(again).to.be.instanceOf(CommandError).with.property('exitCode', 4);
    const empty = capturedOutput();
    await listHolds(client, { all: false }, empty.output);
    expect(empty.lines).to.deep.equal(['Nothing is held.']);
  });
});
