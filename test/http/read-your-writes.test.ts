import { expect } from 'chai';
import { deriveId } from '../../domain/ids.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { completed } from '../domain/submission-examples.ts';
import { happen, submissionOf } from '../projections/fixtures.ts';
import { type Answer, bundle, get, post, type RunningApp, startApp } from './fixtures.ts';

const aliceId = deriveId('test submission', 'alice');

/** A log whose subscribers are kept waiting until they are let on. */
function held() {
  let letOn = () => {};
  const opened = new Promise<void>((resolve) => {
    letOn = resolve;
  });
  const logFor = (log: EventLog): EventLog => ({
    ...log,
    subscribe: (after, onPage) =>
      log.subscribe(after, async (page) => {
        await opened;
        await onPage(page);
      }),
  });
  return { letOn, logFor };
}

describe('reading your writes', () => {
  let app: RunningApp;
  afterEach(() => app.close());

  const submit = (query: string) => post(app, bundle(), {}, query);
  function expectNotProjected({ status, headers, body }: Answer, position: number) {
    expect(status).to.equal(503);
    expect(headers.get('retry-after')).to.equal('1');
    expect(body).to.include({ type: 'urn:prism:problem:notProjected', position });
  }

  it('answers a submission that waits once queries show it', async () => {
    const { letOn, logFor } = held();
    app = await startApp({ logFor });
    const answer = submit('?wait=projected');
    letOn();
    const { status, body } = await answer;
    expect(status).to.equal(201);
    const shown = await get(app, `/v1/submissions/${body.id}`);
    expect(shown.body).to.include({ id: body.id, position: body.position });
  });

  it('accepts a submission that queries do not show in time, and says when to ask again', async () => {
    const { letOn, logFor } = held();
    app = await startApp({ logFor, patienceMs: 1 });
    const { status, headers, body } = await submit('?wait=projected');
    expect(status).to.equal(202);
    expect(headers.get('retry-after')).to.equal('1');
    expect(headers.get('location')).to.equal(`/v1/submissions/${body.id}`);
    expect(await app.log.readStream(submissionStream(body.id))).to.have.length(1);
    letOn();
    const again = await get(app, `/v1/submissions/${body.id}`);
    expect(again.status).to.equal(200);
  });

  it('tells the position of a submission, new or there already, and queries wait for it', async () => {
    app = await startApp();
    const first = await submit('');
    const second = await submit('');
    expect([first.status, second.status]).to.deep.equal([201, 200]);
    expect(first.body.position).to.equal(await app.log.head());
    expect(second.body.position).to.equal(first.body.position);
    const query = `?wait=projected&position=${first.body.position}`;
    expect((await get(app, `/v1/submissions/${first.body.id}${query}`)).status).to.equal(200);
  });

  it('keeps every query waiting for the position that is asked for, no longer than the bound', async () => {
    const { letOn, logFor } = held();
    app = await startApp({ logFor, patienceMs: 1 });
    const position = await happen(app.log, submissionOf(aliceId, completed));
    const paths = [`submissions/${aliceId}`, 'leaderboard', 'epochs', 'health/eval-jobs', 'gpu/status'];
    for (const path of paths) {
      expectNotProjected(await get(app, `/v1/${path}?wait=projected&position=1`), 1);
      expectNotProjected(await get(app, `/v1/${path}?wait=projected`), position);
    }
    letOn();
    await app.projected();
    for (const path of paths) {
      expect((await get(app, `/v1/${path}?wait=projected&position=1`)).status, path).to.equal(200);
      expect((await get(app, `/v1/${path}?wait=projected`)).status, path).to.equal(200);
    }
  });

  it('does not wait for a read model that has stopped, unless what is asked for lies before', async () => {
    app = await startApp();
    await happen(app.log, submissionOf(aliceId, completed));
    const stuck = await happen(app.log, [[submissionStream(aliceId), { type: 'SubmissionSangASong', data: {} }]]);
    await app.projected();
    expectNotProjected(await get(app, '/v1/leaderboard?wait=projected'), stuck);
    expect((await get(app, `/v1/leaderboard?wait=projected&position=${completed.length}`)).status).to.equal(200);
    expect((await get(app, '/v1/gpu/status?wait=projected')).status).to.equal(200);
  });

  it('refuses other wishes', async () => {
    app = await startApp();
    for (const query of ['wait=forever', 'wait=projected&position=-1', 'position=soon']) {
      expect((await get(app, `/v1/leaderboard?${query}`)).body).to.include({ status: 400 });
    }
    expect((await submit('?wait=forever')).status).to.equal(400);
    expect(await app.log.head()).to.equal(0);
  });
});

describe('read models that are still being built', () => {
  let app: RunningApp;
  beforeEach(async () => {
    app = await startApp({ isBuilt: false });
  });
  afterEach(() => app.close());

  it('keep nobody from handing in', async () => {
    expect((await post(app, bundle())).status).to.equal(201);
  });

  it('are named by health, and their queries say when to ask again', async () => {
    const health = await get(app, '/health');
    expect(health.status).to.equal(200);
    expect(health.body).to.include({ status: 'degraded', executor: null });
    expect(health.body.reasons).to.include.members(['projectionBuilding:scores', 'projectionBuilding:gpu_leases']);
    const board = await get(app, '/v1/leaderboard');
    expect(board.status).to.equal(503);
    expect(board.headers.get('retry-after')).to.equal('5');
    expect(board.body).to.include({ type: 'urn:prism:problem:readModelBuilding' });
    expect(app.faults).to.deep.equal([]);
  });

  it('are served as soon as they are built, with what came meanwhile', async () => {
    const { body } = await post(app, bundle());
    await app.build();
    const shown = await get(app, `/v1/submissions/${body.id}?wait=projected&position=${body.position}`);
    expect(shown.body).to.include({ id: body.id, status: 'pending' });
    await post(app, bundle('two'), {}, '?wait=projected');
    expect((await get(app, '/v1/health/eval-jobs')).body.levels).to.deep.equal({ l1: { running: 2 } });
    expect((await get(app, '/health')).body.reasons).to.deep.equal(['noSlotRegistered']);
  });
});
