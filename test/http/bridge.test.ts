import { request } from 'node:http';
import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/event.ts';
import type { BlobReference } from '../../domain/ports/blobs.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { blobReferenceSchema } from '../../domain/values.ts';
import { archiveLimitBytes, jsonLimitBytes, metadataLimitBytes } from '../../http/submission-body.ts';
import { activePolicy, instant } from '../domain/submission-examples.ts';
import { bridgeHeaders, bundle, get, hotkey, post, type RunningApp, startApp, token } from './fixtures.ts';

describe('the bridge route', () => {
  let app: RunningApp;
  beforeEach(async () => {
    app = await startApp();
  });
  afterEach(() => app.close());

  const asJson = { 'Content-Type': 'application/json' };
  const json = (members: object = {}) =>
    JSON.stringify({
      filename: 'alice.zip',
      code: bundle().toString('base64'),
      metadata: { note: 'hello' },
      ...members,
    });
  /** Pieces of a body without a declared length. */
  function streamed(pieces: number, pieceBytes = 1_000_000): ReadableStream {
    let left = pieces;
    return new ReadableStream({
      pull(controller) {
        left -= 1;
        if (left < 0) controller.close();
        else controller.enqueue(Buffer.alloc(pieceBytes, 'P'));
      },
    });
  }
  const reference = (event: RecordedEvent | undefined, member: string): BlobReference =>
    blobReferenceSchema.parse(event?.envelope.data[member]);
  async function expectProblem(answer: Awaited<ReturnType<typeof post>>, status: number, kind: string) {
    expect(answer.body, JSON.stringify(answer.body)).to.include({ status, type: `urn:prism:problem:${kind}` });
    expect(answer.status).to.equal(status);
    expect(answer.body.detail).to.be.a('string').and.not.equal('');
    expect(answer.headers.get('content-type')).to.match(/^application\/problem\+json/);
    expect(await app.log.head(), 'nothing was received').to.equal(0);
    expect(app.faults).to.deep.equal([]);
  }

  describe('receives', () => {
    it('a raw zip as a new submission, stored with its event', async () => {
      const { status, body, headers } = await post(app, bundle());
      expect(status).to.equal(201);
      expect(headers.get('location')).to.equal(`/v1/submissions/${body.id}`);
      expect(headers.get('cache-control')).to.equal('no-store');
      expect(body).to.deep.include({
        hotkey,
        epoch_id: Math.floor(Date.parse(instant(0)) / 1_000 / activePolicy().policy.epochSeconds),
        status: 'pending',
        created_at: instant(0),
      });
      const [event] = await app.log.readStream(submissionStream(body.id));
      expect(event?.envelope.data).to.deep.include({
        filename: 'alice.zip',
        codeHash: body.code_hash,
        route: 'bridge',
        files: 2,
      });
      const { sha256 } = reference(event, 'bundle');
      expect(Buffer.from(app.stored.get(sha256) ?? [])).to.deep.equal(bundle());
    });

    it('the JSON form, and keeps its metadata', async () => {
      const raw = await post(app, bundle('raw'));
      const { status, body } = await post(app, json(), asJson);
      expect(status).to.equal(201);
      expect(body.id).not.to.equal(raw.body.id);
      const [event] = await app.log.readStream(submissionStream(body.id));
      const { sha256 } = reference(event, 'metadata');
      expect(Buffer.from(app.stored.get(sha256) ?? []).toString()).to.equal('{"note":"hello"}');
    });

    it('octet streams, and bodies without a type, as raw zips', async () => {
      expect((await post(app, bundle('a'), { 'Content-Type': 'application/octet-stream' })).status).to.equal(201);
      expect((await post(app, bundle('b'), { 'Content-Type': null })).status).to.equal(201);
    });

    it('the same bundle of the same hotkey as the same submission, whatever its form and name', async () => {
      const first = await post(app, bundle());
      app.clock.now = new Date(instant(100_000));
      const again = await post(app, bundle(), { 'X-Submission-Filename': 'other.zip' });
      const asJsonForm = await post(app, json(), asJson);
      expect([again.status, asJsonForm.status]).to.deep.equal([200, 200]);
      expect([again.body, asJsonForm.body]).to.deep.equal([first.body, first.body]);
      expect(await app.log.head()).to.equal(1);
    });

    it('identical posts at once as one submission', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => post(app, bundle())));
      expect(answers.filter(({ status }) => status === 201)).to.have.length(1);
      expect(answers.filter(({ status }) => status === 200)).to.have.length(11);
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).to.equal(1);
      expect(await app.log.head()).to.equal(1);
    });

    it('the same bundle of another hotkey as another submission', async () => {
      const first = await post(app, bundle());
      const second = await post(app, bundle(), { 'X-Platform-Verified-Hotkey': 'bob' });
      expect(second.status).to.equal(201);
      expect(second.body.id).not.to.equal(first.body.id);
    });

    it('the hotkey under either name, or under both when they agree', async () => {
      const base = await post(app, bundle(), { 'X-Platform-Verified-Hotkey': null, 'X-Base-Verified-Hotkey': hotkey });
      const both = await post(app, bundle(), { 'X-Base-Verified-Hotkey': hotkey });
      expect([base.status, both.status]).to.deep.equal([201, 200]);
      expect(both.body.hotkey).to.equal(hotkey);
    });

    it('nothing about identity from the miner', async () => {
      const { body } = await post(app, bundle(), { 'X-Hotkey': 'mallory', 'X-Signature': '0x00' });
      expect(body.hotkey).to.equal(hotkey);
    });

    it('a large bundle, and stores it before the event that names it', async () => {
      const large = bundle('large', 200_000);
      const { status, body } = await post(app, large);
      expect(status).to.equal(201);
      const [event] = await app.log.readStream(submissionStream(body.id));
      const { sha256, bytes } = reference(event, 'bundle');
      expect(bytes).to.equal(200_000);
      expect(app.stored.get(sha256)).to.have.length(200_000);
    });
  });

  it('answers only after the event is durable', async () => {
    let finish = () => {};
    const durable = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let reached = () => {};
    const appending = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const slow = await startApp({
      logFor: (log) => ({
        ...log,
        async append(...append) {
          reached();
          await durable;
          return log.append(...append);
        },
      }),
    });
    let isAnswered = false;
    const answer = post(slow, bundle()).finally(() => {
      isAnswered = true;
    });
    await appending;
    await get(slow, '/version');
    expect(isAnswered).to.equal(false);
    finish();
    expect((await answer).status).to.equal(201);
    await slow.close();
  });

  it('shows nothing of a fault but a trace id, and reports it once with its cause', async () => {
    const cause = new Error('disk gone');
    const broken = await startApp({
      logFor: (log) => ({
        ...log,
        append: async () => {
          throw new Error('the log at /secret/path failed', { cause });
        },
      }),
    });
    const { status, body } = await post(broken, bundle());
    expect(status).to.equal(500);
    expect(JSON.stringify(body)).not.to.match(/secret|disk/);
    expect(broken.faults).to.have.length(1);
    expect(broken.faults[0]).to.deep.include({ traceId: body.trace_id, method: 'POST' });
    expect(broken.faults[0]?.error).to.have.property('cause', cause);
    await broken.close();
  });

  describe('refuses', () => {
    it('a missing and a wrong token', async () => {
      for (const Authorization of [null, 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`, 'Bearer']) {
        const answer = await post(app, bundle(), { Authorization });
        await expectProblem(answer, 401, 'unauthorized');
        expect(answer.headers.get('www-authenticate')).to.equal('Bearer');
      }
    });

    it('everybody while no token is configured', async () => {
      for (const sharedToken of [null, '']) {
        const closed = await startApp({ sharedToken });
        await expectProblem(await post(closed, bundle(), { Authorization: 'Bearer ' }), 503, 'tokenNotConfigured');
        await closed.close();
      }
    });

    it('a missing hotkey, two that disagree, and what can be none', async () => {
      await expectProblem(await post(app, bundle(), { 'X-Platform-Verified-Hotkey': null }), 400, 'badRequest');
      await expectProblem(await post(app, bundle(), { 'X-Base-Verified-Hotkey': 'mallory' }), 400, 'badRequest');
      await expectProblem(await post(app, bundle(), { 'X-Platform-Verified-Hotkey': 'a b' }), 400, 'badRequest');
      await expectProblem(
        await post(app, bundle(), { 'X-Platform-Verified-Hotkey': 'a'.repeat(129) }),
        400,
        'badRequest',
      );
    });

    it('a file name that is a path', async () => {
      await expectProblem(
        await post(app, bundle(), { 'X-Submission-Filename': '../../etc/passwd' }),
        400,
        'badRequest',
      );
      await expectProblem(await post(app, json({ filename: 'a/b.zip' }), asJson), 422, 'invalidContent');
    });

    it('what is no zip, and names rule and entry', async () => {
      const answer = await post(app, 'not a zip');
      await expectProblem(answer, 422, 'refusedArchive');
      expect(answer.body).to.include({ rule: 'prism:zip-not-a-zip', entry: 'training.py', detail: 'It is no zip.' });
    });

    it('an empty body', async () => {
      await expectProblem(await post(app, ''), 422, 'invalidContent');
    });

    it('other media types', async () => {
      await expectProblem(await post(app, bundle(), { 'Content-Type': 'text/html' }), 415, 'unsupportedMediaType');
    });

    it('truncated JSON', async () => {
      await expectProblem(await post(app, json().slice(0, -5), asJson), 400, 'badRequest');
    });

    it('JSON of another shape', async () => {
      for (const members of [
        { code: 7 },
        { code: undefined },
        { code: '' },
        { code: 'no base64!' },
        { metadata: 'text' },
      ]) {
        await expectProblem(await post(app, json(members), asJson), 422, 'invalidContent');
      }
      await expectProblem(await post(app, '[]', asJson), 422, 'invalidContent');
    });

    it('raw bodies above the limit, with and without a declared length', async () => {
      await expectProblem(await post(app, Buffer.alloc(archiveLimitBytes + 1, 'P')), 413, 'contentTooLarge');
      await expectProblem(await post(app, streamed(9)), 413, 'contentTooLarge');
    });

    it('JSON bodies above the limit, with and without a declared length', async () => {
      await expectProblem(await post(app, Buffer.alloc(jsonLimitBytes + 1, ' '), asJson), 413, 'contentTooLarge');
      await expectProblem(await post(app, streamed(12), asJson), 413, 'contentTooLarge');
    });

    it('a zip that is too large once decoded', async () => {
      const code = Buffer.alloc(archiveLimitBytes + 1, 'P').toString('base64');
      await expectProblem(await post(app, json({ code }), asJson), 413, 'contentTooLarge');
    });

    it('metadata that is too large', async () => {
      const metadata = { note: 'x'.repeat(metadataLimitBytes) };
      await expectProblem(await post(app, json({ metadata }), asJson), 413, 'contentTooLarge');
    });

    it('to read on without end: the connection is cut, and the service goes on', async () => {
      const answer = await post(app, streamed(60)).catch(() => null);
      if (answer !== null) await expectProblem(answer, 413, 'contentTooLarge');
      expect((await post(app, bundle())).status).to.equal(201);
    });
  });

  it('takes a body at exactly the limit', async () => {
    expect((await post(app, bundle('full', archiveLimitBytes))).status).to.equal(201);
  });

  it('receives nothing from a client that goes away in the middle of the body', async () => {
    const { port } = new URL(app.url);
    await new Promise<void>((resolve) => {
      const half = request({
        port,
        method: 'POST',
        path: '/internal/v1/bridge/submissions',
        headers: { ...bridgeHeaders, 'Content-Length': 1_000 },
      });
      half.on('error', () => resolve());
      half.on('close', () => resolve());
      half.write(bundle('half'), () => half.destroy());
    });
    expect((await get(app, '/version')).status).to.equal(200);
    expect(await app.log.head()).to.equal(0);
    expect(app.faults).to.deep.equal([]);
  });
});
