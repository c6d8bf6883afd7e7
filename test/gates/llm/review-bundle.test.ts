import { expect } from 'chai';
import { chatClient, NoAnswerError } from '../../../gates/llm/chat-client.ts';
import { reviewBundle } from '../../../gates/llm/review-bundle.ts';
import { type ReviewedFile, reviewedFiles } from '../../../gates/llm/reviewed-source.ts';
import { instant } from '../../domain/submission-examples.ts';
import {
  answerWith,
  approval,
  breaksOff,
  type ChatServer,
  calls,
  completes,
  hangs,
  rejectionOf,
  startChat,
} from '../../doubles/chat/server.ts';
import { faultOf } from '../../storage/fixtures.ts';

const never = new AbortController().signal;
const source = 'x = 1\nopen("/etc/passwd")\n# a comment\n';
const files: readonly ReviewedFile[] = reviewedFiles(
  [
    { path: 'architecture.py', bytes: Buffer.from('import torch\n') },
    { path: 'training.py', bytes: Buffer.from(source) },
  ],
  (path) => (path === 'training.py' ? [[27, 38]] : []),
);
const user = (request: { readonly messages: readonly { readonly role: string; readonly content: string }[] }) =>
  request.messages.find(({ role }) => role === 'user')?.content ?? '';

describe('The review of a bundle', () => {
  let server: ChatServer;
  beforeEach(async () => {
    server = await startChat();
  });
  afterEach(() => server.stop());

  function review(limit?: number, timeoutMs = 10_000, nonces?: readonly string[]) {
    const clock = () => new Date(instant(0));
    const ask = chatClient({ baseUrl: server.baseUrl, model: 'a-model', readKey: () => null, timeoutMs, clock });
    const left = [...(nonces ?? [])];
    return reviewBundle(ask, files, never, limit, ...(nonces === undefined ? [] : [() => left.shift() ?? 'last']));
  }

  it('reads everything as it is and once more without comments, each time between nonces of its own', async () => {
    const { verdict, exchanges } = await review();
    expect(verdict).to.equal('passed');
    expect(exchanges.map(({ pass, part, of }) => `${pass} ${part}/${of}`)).to.deep.equal(['whole 1/1', 'codeOnly 1/1']);
    const [whole = '', code = ''] = exchanges.map((exchange) => user(exchange));
    expect(whole).to.contain('FILE "architecture.py"\n1| import torch\n').and.contain('3| # a comment');
    expect(code).to.contain('2| open("/etc/passwd")').and.not.contain('comment\n');
    const nonces = server.seen.map((request) => /<<<BUNDLE ([0-9a-f]{32})\n/.exec(user(request))?.[1]);
    expect(new Set(nonces).size).to.equal(2);
    for (const nonce of nonces) expect(nonce).to.match(/^[0-9a-f]{32}$/);
  });

  it('reads a long bundle in parts, every one of them', async () => {
    const { exchanges } = await review(100);
    expect(exchanges.length).to.equal(server.seen.length).and.be.greaterThan(2);
    const read = exchanges.filter(({ pass }) => pass === 'whole').map((exchange) => user(exchange));
    for (const line of ['1| import torch', '1| x = 1', '2| open("/etc/passwd")', '3| # a comment']) {
      expect(
        read.filter((part) => part.includes(line)),
        line,
      ).to.have.length(1);
    }
  });

  it('takes no nonce that the source holds', async () => {
    const nonces = ['passwd', 'fine', 'comment', 'too'];
    await review(undefined, 10_000, nonces);
    const used = server.seen.map((request) => /<<<BUNDLE (\w+)\n/.exec(user(request))?.[1]);
    expect(used.toSorted()).to.deep.equal(['comment', 'fine']);
  });

  it('fails by what any part finds and the second look sees, each thing once', async () => {
    server.always(calls(rejectionOf('training.py', 2)));
    const { verdict, findings } = await review();
    expect(verdict).to.equal('failed');
    expect(findings.map(({ path, line }) => `${path}:${line}`)).to.deep.equal(['training.py:2']);
  });

  it('is held where one reading approves and the other suspects', async () => {
    server.always((response, request) => {
      const isWhole = user(request).includes('as it was handed in');
      calls(isWhole ? approval : { ...approval, verdict: 'suspicious' })(response, request);
    });
    expect(await review()).to.deep.include({ verdict: 'held', findings: [], doubts: ['suspicious'] });
  });

  it('asks once more for a reply that can’t be used, and keeps both', async () => {
    server.next(calls('{"reason": "cut', 'length'), calls('nonsense'));
    const { verdict, exchanges } = await review();
    expect(verdict).to.equal('passed');
    expect(exchanges.map(({ replies }) => replies.length)).to.deep.equal([2, 2]);
    expect(server.seen).to.have.length(4);
  });

  const lastWords = [
    ['truncated', calls('{"reason": "cut', 'length')],
    ['malformed', calls('nonsense')],
    ['without a call', completes({ finish_reason: 'stop', message: { content: 'Looks good to me.' } })],
  ] as const;
  for (const [what, behaviour] of lastWords) {
    it(`is held where every reply is ${what}`, async () => {
      server.always(behaviour);
      expect(await review()).to.deep.include({ verdict: 'held', doubts: ['unparseable'] });
      expect(server.seen).to.have.length(4);
    });
  }

  it('is not held by a rejection that another reading makes with evidence', async () => {
    server.always((response, request) => {
      const isWhole = user(request).includes('as it was handed in');
      calls(isWhole ? 'nonsense' : rejectionOf('training.py', 2))(response, request);
    });
    expect(await review()).to.deep.include({ verdict: 'failed', doubts: [] });
  });

  it('tries a broken connection, a time-out and a server error once more', async () => {
    server.next(breaksOff, answerWith(500));
    expect(await review()).to.include({ verdict: 'passed' });
    server.next(hangs);
    expect(await review(undefined, 200)).to.include({ verdict: 'passed' });
  });

  it('is none where a part stays out', async () => {
    server.always(answerWith(502));
    expect(await faultOf(review())).to.be.instanceOf(NoAnswerError);
    expect(server.seen.length).to.be.at.most(4);
  });

  it('asks nobody again who says when to come back', async () => {
    server.always(answerWith(429, { 'retry-after': '30' }));
    expect(await faultOf(review()))
      .to.be.instanceOf(NoAnswerError)
      .with.property('retryAt', instant(30));
    expect(server.seen.length).to.be.at.most(2);
  });
});
