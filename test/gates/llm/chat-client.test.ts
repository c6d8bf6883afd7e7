import { inspect } from 'node:util';
import { expect } from 'chai';
import { type ChatEndpoint, chatClient, NoAnswerError, retryTime } from '../../../gates/llm/chat-client.ts';
import { toolName } from '../../../gates/llm/prompt.ts';
import { instant } from '../../domain/submission-examples.ts';
import {
  answerWith,
  approval,
  type Behaviour,
  breaksOff,
  type ChatServer,
  calls,
  completes,
  floods,
  hangs,
  startChat,
} from '../../doubles/chat/server.ts';
import { faultOf } from '../../storage/fixtures.ts';

const key = 'sk-test-0123456789';
const messages = [{ role: 'user', content: 'Well?' }] as const;
const never = new AbortController().signal;

describe('The client of a chat endpoint', () => {
  let server: ChatServer;
  beforeEach(async () => {
    server = await startChat();
  });
  afterEach(() => server.stop());

  const client = (overrides: Partial<ChatEndpoint> = {}) =>
    chatClient({
      ...{ baseUrl: server.baseUrl, model: 'a-model', readKey: () => key, timeoutMs: 10_000 },
      clock: () => new Date(instant(0)),
      ...overrides,
    });

  it('forces the one tool, at temperature 0, with the key in the header alone', async () => {
    const reply = await client()(messages, never);
    expect(reply.finishReason).to.equal('tool_calls');
    expect(reply.calls.map(({ name }) => name)).to.deep.equal([toolName]);
    expect(JSON.parse(reply.calls[0]?.arguments ?? '')).to.deep.equal(approval);
    const [request] = server.seen;
    expect(request).to.deep.include({ model: 'a-model', authorization: `Bearer ${key}`, messages: [...messages] });
    expect(request?.tool_choice.function.name).to.equal(toolName);
    expect(request?.tools.map((tool) => tool.function.name)).to.deep.equal([toolName]);
    expect(JSON.stringify({ ...request, authorization: null })).not.to.contain(key);
  });

  it('sends no header where the endpoint wants no key, and takes an address with or without a slash', async () => {
    await client({ readKey: () => null, baseUrl: `${server.baseUrl}/` })(messages, never);
    expect(server.seen[0]?.authorization).to.equal(undefined);
  });

  it('reads the key anew for every request', async () => {
    const keys = ['one', 'two'];
    const ask = client({ readKey: () => keys.shift() ?? null });
    await ask(messages, never);
    await ask(messages, never);
    expect(server.seen.map(({ authorization }) => authorization)).to.deep.equal(['Bearer one', 'Bearer two']);
  });

  const noAnswers: readonly (readonly [string, Behaviour, Partial<NoAnswerError>])[] = [
    ['a server error', answerWith(500), { isPassing: true, isOutage: true, retryAt: null }],
    ['a gateway time-out', answerWith(504), { isPassing: true, isOutage: true }],
    [
      'a server error that says when to come back',
      answerWith(503, { 'retry-after': '7' }),
      { isPassing: false, isOutage: true, retryAt: instant(7) },
    ],
    [
      'too many requests',
      answerWith(429, { 'retry-after': '90' }),
      { isPassing: false, isOutage: true, retryAt: instant(90) },
    ],
    ['too many requests, without a time', answerWith(429), { isPassing: false, isOutage: true, retryAt: null }],
    ['a refused key', answerWith(401), { isPassing: false, isOutage: true }],
    ['an unknown model', answerWith(404), { isPassing: false, isOutage: true }],
    ['a refusal of this content', answerWith(400), { isPassing: false, isOutage: false }],
    ['a redirection', answerWith(302, { location: 'http://127.0.0.1:1/' }), { isPassing: true, isOutage: true }],
    ['an answer that breaks off', breaksOff, { isPassing: true, isOutage: true }],
    ['an endless answer', floods, { isPassing: false, isOutage: true }],
    [
      'a page of something in between',
      answerWith(200, {}, '<html>Welcome</html>'),
      { isPassing: true, isOutage: true },
    ],
    [
      'a failure behind the provider, told with 200',
      answerWith(200, {}, '{"error":{"code":502,"message":"upstream"}}'),
      { isPassing: true, isOutage: true },
    ],
    [
      'a failure behind a gateway, told as the end of a completion',
      completes({ finish_reason: 'error', message: { role: 'assistant', content: '' } }),
      { isPassing: true, isOutage: true },
    ],
    [
      'a failure behind a gateway, told beside half a call',
      completes({
        finish_reason: 'tool_calls',
        error: { code: 502, message: 'upstream' },
        message: { tool_calls: [{ function: { name: toolName, arguments: '{"reason": "it' } }] },
      }),
      { isPassing: true, isOutage: true },
    ],
    [
      'a failure behind a gateway that leaves no message',
      completes({ finish_reason: 'error', error: { code: 502 } }),
      { isPassing: true, isOutage: true },
    ],
    ['a completion without a choice', completes(), { isPassing: true, isOutage: true }],
  ];
  for (const [what, behaviour, expected] of noAnswers) {
    it(`has no answer in ${what}`, async () => {
      server.next(behaviour);
      const fault = await faultOf(client()(messages, never));
      expect(fault).to.be.instanceOf(NoAnswerError).and.include(expected);
      expect(server.seen).to.have.length(1);
    });
  }

  it('has no answer from a provider that takes too long', async () => {
    server.next(hangs);
    const fault = await faultOf(client({ timeoutMs: 20 })(messages, never));
    expect(fault).to.be.instanceOf(NoAnswerError).and.include({ isPassing: true, isOutage: true });
    expect(fault).to.have.property('message', 'the reviewer took too long');
  });

  it('has no answer where nobody listens', async () => {
    const { baseUrl } = server;
    await server.stop();
    const fault = await faultOf(client({ baseUrl })(messages, never));
    server = await startChat();
    expect(fault).to.be.instanceOf(NoAnswerError).and.include({ isPassing: true, isOutage: true });
  });

  it('hangs up when it is told to, which is nobody’s outage', async () => {
    const stopping = new AbortController();
    server.next(() => stopping.abort());
    const fault = await faultOf(client()(messages, stopping.signal));
    expect(fault).to.be.instanceOf(NoAnswerError).and.include({ isPassing: false, isOutage: false });
  });

  it('has no answer while its key can’t be read', async () => {
    const readKey = () => {
      throw new Error('PRISM_LLM_KEY_FILE: gone');
    };
    const fault = await faultOf(client({ readKey })(messages, never));
    expect(fault).to.be.instanceOf(NoAnswerError).and.include({ isPassing: false, isOutage: true });
    expect(server.seen).to.deep.equal([]);
  });

  for (const unusable of [`${key}\n${key}`, `${key} # prod`, `${key}…`]) {
    it(`has no answer by a key that no header can hold (${JSON.stringify(unusable.slice(key.length))}), and doesn't quote it`, async () => {
      const fault = await faultOf(client({ readKey: () => unusable })(messages, never));
      expect(fault).to.include({ name: 'NoAnswerError', isPassing: false, isOutage: true });
      expect(inspect(fault)).not.to.contain(key);
      expect(server.seen).to.have.length(0);
    });
  }

  it('says nothing in an error that the other side or the key could have put there', async () => {
    server.next(answerWith(401, {}, JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } })));
    const fault = await faultOf(client()(messages, never));
    expect(`${fault instanceof Error ? fault.stack : ''}${JSON.stringify(fault)}`).not.to.contain(key);
    expect(fault).to.have.property('message', 'the reviewer answered HTTP 401');
  });

  it('passes on how a completion ended, and what it calls, unjudged', async () => {
    server.next(
      calls('{"reason": "it is', 'length'),
      completes({ finish_reason: 'stop', error: null, message: { content: 'Fine.' } }),
    );
    const ask = client();
    expect(await ask(messages, never)).to.deep.include({ finishReason: 'length' });
    expect(await ask(messages, never)).to.deep.include({ finishReason: 'stop', calls: [] });
  });
});

describe('Retry-After', () => {
  const now = new Date(instant(0));
  const read: readonly (readonly [string | null, string | null])[] = [
    [null, null],
    ['0', instant(0)],
    ['120', instant(120)],
    [new Date(instant(45)).toUTCString(), instant(45)],
    [new Date(instant(-45)).toUTCString(), instant(0)],
    ['99999999', instant(3_600)],
    ['soon', null],
  ];
  for (const [header, expected] of read) {
    it(`of ${header ?? 'nothing'} is ${expected ?? 'no time'}`, () => {
      expect(retryTime(header, now)).to.equal(expected);
    });
  }
});
