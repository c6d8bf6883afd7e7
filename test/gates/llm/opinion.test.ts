import { expect } from 'chai';
import type { ChatReply } from '../../../gates/llm/chat-client.ts';
import { opinionOf } from '../../../gates/llm/opinion.ts';
import { toolName } from '../../../gates/llm/prompt.ts';
import { reviewRules } from '../../../gates/llm/review-rules.ts';
import { reviewedFiles } from '../../../gates/llm/reviewed-source.ts';
import { secondLook } from '../../../gates/llm/second-look.ts';
import { approval, rejectionOf } from '../../doubles/chat/server.ts';

const source =
  'import torch\n# open("x")\nx = model.eval()\ndata = open("/etc/passwd").read()\ny = torch.compile(model)\n';
const prose = [[13, 24]] as const;
const files = reviewedFiles([{ path: 'training.py', bytes: Buffer.from(source) }], () => prose);

function reply(answer: unknown, overrides: Partial<ChatReply> = {}): ChatReply {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return { text, finishReason: 'tool_calls', calls: [{ name: toolName, arguments: text }], ...overrides };
}

describe('An opinion of a reply', () => {
  it('is clean where it approves and accuses of nothing', () => {
    expect(opinionOf(reply(approval), files)).to.deep.equal({ kind: 'clean' });
  });

  it('rejects by what the second look finds, in our words, at the place in the source', () => {
    const rejection = rejectionOf('training.py', 4);
    expect(opinionOf(reply(rejection), files)).to.deep.equal({
      kind: 'rejects',
      findings: [
        {
          ...{ rule: 'prism:review-outside', path: 'training.py', line: 4, column: 8, node: null, excerptHash: null },
          explanation: 'The code reaches for files, processes or the network.',
        },
      ],
    });
  });

  it('rejects by the evidence that holds, and drops the rest', () => {
    const [real] = rejectionOf('training.py', 4).evidence;
    const evidence = [{ ...real, line: 1 }, real, { ...real, path: 'nowhere.py' }];
    const opinion = opinionOf(reply({ ...rejectionOf('training.py', 4), evidence }), files);
    expect(opinion.kind === 'rejects' && opinion.findings.map(({ line }) => line)).to.deep.equal([4]);
  });

  const doubtful: readonly (readonly [string, ChatReply, string])[] = [
    ['rejects without evidence', reply({ ...rejectionOf('training.py', 4), evidence: [] }), 'suspicious'],
    ['points where nothing is', reply(rejectionOf('training.py', 1)), 'suspicious'],
    ['points at a comment', reply(rejectionOf('training.py', 2)), 'suspicious'],
    ['points at another file', reply(rejectionOf('other.py', 4)), 'suspicious'],
    ['points behind the end', reply(rejectionOf('training.py', 400)), 'suspicious'],
    [
      'names a rule that nobody can look for',
      reply(rejectionOf('training.py', 4, 'prism:review-look-ahead')),
      'suspicious',
    ],
    ['names a rule that there isn’t', reply(rejectionOf('training.py', 4, 'prism:made-up')), 'suspicious'],
    ['suspects', reply({ ...approval, verdict: 'suspicious' }), 'suspicious'],
    ['suspects with evidence', reply({ ...rejectionOf('training.py', 4), verdict: 'suspicious' }), 'suspicious'],
    ['approves and names a violation', reply({ ...approval, violations: ['It opens a file.'] }), 'contradictory'],
    ['approves and shows evidence', reply({ ...rejectionOf('training.py', 4), verdict: 'approve' }), 'contradictory'],
    [
      'calls twice',
      reply(approval, { calls: ['{}', '{}'].map((text) => ({ name: toolName, arguments: text })) }),
      'contradictory',
    ],
    ['approves without being sure', reply({ ...approval, confidence: 0.4 }), 'ambiguous'],
    ['rejects without being sure', reply({ ...rejectionOf('training.py', 4), confidence: 0.1 }), 'ambiguous'],
    ['is cut off', reply('{"reason": "it', { finishReason: 'length' }), 'unparseable'],
    ['is cut off where it might still be read', reply(approval, { finishReason: 'length' }), 'unparseable'],
    ['is no JSON', reply('approve'), 'unparseable'],
    ['lacks a member', reply({ verdict: 'approve' }), 'unparseable'],
    ['has a verdict of its own', reply({ ...approval, verdict: 'fine' }), 'unparseable'],
    ['is surer than sure', reply({ ...approval, confidence: 7 }), 'unparseable'],
    ['calls something else', reply(approval, { calls: [{ name: 'run_code', arguments: '{}' }] }), 'unparseable'],
    ['talks instead of calling', reply('', { finishReason: 'stop', calls: [] }), 'unparseable'],
    ['was filtered', reply('', { finishReason: 'content_filter', calls: [] }), 'unparseable'],
  ];
  for (const [what, given, doubt] of doubtful) {
    it(`is doubtful (${doubt}) where it ${what}`, () => {
      expect(opinionOf(given, files)).to.include({ kind: 'doubtful', doubt });
    });
  }
});

/** What each rule finds, and an honest line that resembles it. */
const looks: Readonly<Record<string, readonly (readonly [code: string, isFound: boolean])[]>> = {
  'prism:review-outside': [
    ['with open(path) as f:', true],
    ['import os', true],
    ['from urllib.request import urlopen', true],
    ['weights = np.load("w.npy")', true],
    ['torch.hub.load("x", "y")', true],
    ['self.reopen(gate)', false],
    ['x = torch.glob', false],
    ['requests = []', false],
  ],
  'prism:review-escape': [
    ['eval("1")', true],
    ['f = __import__("os")', true],
    ['().__class__.__mro__', true],
    ['model.eval()', false],
    ['model = torch.compile(model)', false],
  ],
  'prism:review-referee': [
    ['for o in gc.get_objects():', true],
    ['import prism_runner', true],
    ['torch.nn.functional.cross_entropy = free', true],
    ['from prism_challenge.evaluator.interface import PrismContext', false],
    ['loss = torch.nn.functional.cross_entropy(a, b)', false],
    ['if torch.cross_entropy == f:', false],
  ],
  'prism:review-concealment': [
    ['t = base64.b64decode(s)', true],
    ['zlib.decompress(t)', true],
    ['decoded = decoder(x)', false],
  ],
};

describe('The second look', () => {
  for (const { id, look } of reviewRules) {
    it(`of ${id} ${look === null ? 'finds nothing: it may hold, and never reject' : 'tells an offence from what resembles it'}`, () => {
      const cases = looks[id] ?? [];
      expect(cases.length > 0).to.equal(look !== null);
      for (const [code, isFound] of cases) {
        const file = reviewedFiles([{ path: 'a.py', bytes: Buffer.from(code) }], () => []);
        const found = secondLook(file, { path: 'a.py', line: 1, rule_id: id, explanation: '' });
        expect(found !== null, `${id}: ${code}`).to.equal(isFound);
      }
    });
  }

  it('forgives a reviewer who miscounts by one line, and says the right one', () => {
    const evidence = { path: 'training.py', rule_id: 'prism:review-outside', explanation: '' };
    expect(secondLook(files, { ...evidence, line: 5 })?.line).to.equal(4);
    expect(secondLook(files, { ...evidence, line: 3 })?.line).to.equal(4);
    expect(secondLook(files, { ...evidence, line: 6 })).to.equal(null);
  });
});
