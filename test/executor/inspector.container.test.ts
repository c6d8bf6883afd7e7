import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import { inspectorContainer } from '../../executor/inspector-container.ts';
import { describeWithEngine } from './with-engine.ts';

const silent = { info() {}, warn() {}, error() {} };
const source = (path: string, text: string) => ({ path, bytes: Buffer.from(text) });

/** Answers every question with no modules; dies of a file called `crash.py`, and of `crash-once.py` the first time. */
const standIn = [
  'python3',
  '-c',
  `
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    path = question['files'][0]['path']
    if path == 'crash.py': sys.exit('a crash')
    if path == 'hang.py': continue
    print(json.dumps({'id': question['id'], 'modules': []}), flush=True)
`,
];

describeWithEngine('the inspector in its container', (real) => {
  const open = (command?: readonly string[], answerLimitMs?: number) => {
    const { engine, imageId, instance } = real();
    return inspectorContainer({
      engine,
      imageId,
      instance,
      logger: silent,
      ...(command ? { command } : {}),
      ...(answerLimitMs ? { answerLimitMs } : {}),
    });
  };

  it('parses real modules, one question after the other, and executes nothing', async () => {
    const inspector = open();
    try {
      const [[module], [broken]] = await Promise.all([
        inspector.inspect([
          source('architecture.py', 'import helper\nraise SystemExit(1)\ndef build_model(ctx):\n    return None\n'),
          source('helper.py', ''),
        ]),
        inspector.inspect([source('training.py', 'def train(ctx:\n')]),
      ]);
      expect(module?.error).to.equal(null);
      expect(module?.symbols.map(({ name, callable }) => `${name} ${callable}`)).to.include('build_model yes');
      expect(module?.imports).to.deep.equal(['helper.py']);
      expect(broken?.error).to.include({ line: 1 });
    } finally {
      await inspector.close();
    }
  });

  it('measures a bundle as the referee does', async () => {
    const inspector = open();
    try {
      const fixture = await readFile('gpu-runner/fixtures/bundle');
      const { xzBytes } = JSON.parse(await readFile('gpu-runner/fixtures/manifest.json', 'utf8'));
      expect(await inspector.xzBytes(fixture)).to.equal(xzBytes);
      const noise = randomBytes(2_000_000);
      expect(await inspector.xzBytes(noise)).to.be.within(noise.byteLength, 1.01 * noise.byteLength);
    } finally {
      await inspector.close();
    }
  });

  it('comes back after a crash, and calls a question that crashes it twice unavailable', async () => {
    const inspector = open(standIn);
    try {
      const refusal = await inspector.inspect([source('crash.py', '')]).catch((error: Error) => error);
      expect(refusal).to.be.instanceOf(InspectorUnavailableError);
      expect(String((refusal as Error).cause)).to.include('a crash');
      expect(await inspector.inspect([source('fine.py', '')])).to.deep.equal([]);
    } finally {
      await inspector.close();
    }
  });

  it('gives up on a question that it never answers', async () => {
    const inspector = open(standIn, 300);
    try {
      const refusal = await inspector.inspect([source('hang.py', '')]).catch((error: Error) => error);
      expect(refusal).to.be.instanceOf(InspectorUnavailableError);
    } finally {
      await inspector.close();
    }
  });

  it('answers nothing once it is closed', async () => {
    const inspector = open(standIn);
    await inspector.close();
    expect(await inspector.inspect([]).catch((error: Error) => error)).to.be.instanceOf(InspectorUnavailableError);
  });
});
