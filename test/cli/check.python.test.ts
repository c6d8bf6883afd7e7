import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { check } from '../../cli/commands/check.ts';
import { CommandError } from '../../cli/exit-codes.ts';
import type { LocalModels } from '../../cli/local-models.ts';
import { type PolicyDraft, policySchema } from '../../domain/policy/policy.ts';
import { type Instantiated, InstantiationUnavailableError } from '../../domain/ports/instantiator.ts';
import { EngineUnavailableError } from '../../executor/engine-errors.ts';
import { packFiles } from '../../gates/pack.ts';
import { report } from '../executor/instantiation-examples.ts';
import { describeWithInspector } from '../gates/python-inspector.ts';
import { writeZip } from '../gates/zip-writer.ts';
import { capturedOutput } from './captured-output.ts';

const architecture = 'def build_model(ctx):\n    return None\n';
const honest = { 'architecture.py': architecture, 'training.py': 'def train(ctx):\n    pass\n' };
const resultSchema = z.looseObject({
  gates: z.array(
    z.looseObject({
      gate: z.string(),
      verdict: z.string(),
      findings: z.array(z.looseObject({ rule: z.string(), path: z.string().nullable(), line: z.number().nullable() })),
    }),
  ),
});
const noteSchema = z.looseObject({ message: z.looseObject({ text: z.string() }) });
const sarifSchema = z.looseObject({
  version: z.literal('2.1.0'),
  runs: z.array(
    z.looseObject({
      invocations: z.array(z.looseObject({ toolExecutionNotifications: z.array(noteSchema) })),
      results: z.array(z.looseObject({ ruleId: z.string(), level: z.string() })),
    }),
  ),
});
const noEngine = async (): Promise<LocalModels> => ({ missing: 'no engine' });
const building = (instantiated: Instantiated) => async () => ({ instantiate: async () => instantiated });
const failing = (error: Error) => async () => ({ instantiate: () => Promise.reject(error) });

describeWithInspector('prism check', () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'prism-check-'));
  });
  after(() => rm(home, { recursive: true }));

  async function folder(files: Readonly<Record<string, string>>): Promise<string> {
    const path = await mkdtemp(join(home, 'bundle-'));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
    }
    return path;
  }

  async function checked(path: string, draft: PolicyDraft = {}, sarif = false, models = noEngine) {
    const { output, values, lines } = capturedOutput();
    const options = { python: undefined, sarif, model: true };
    const exitCode = await check(path, policySchema.parse(draft), options, output, models);
    return { exitCode, value: values[0], text: lines.join('\n') };
  }
  const verdicts = (value: unknown) => resultSchema.parse(value).gates.map(({ gate, verdict }) => `${gate} ${verdict}`);

  it('says that a bundle passes', async () => {
    const { exitCode, value } = await checked('examples/gru', {}, false, building({ kind: 'reported', report }));
    expect(exitCode).to.equal(0);
    expect(verdicts(value)).to.deep.equal([
      ...['intake passed', 'contract passed', 'static passed', 'parameters passed', 'distributed passed'],
    ]);
  });

  it('tells how large a model is, and how fast', async () => {
    const { value, text } = await checked('examples/gru', {}, false, building({ kind: 'reported', report }));
    expect(value).to.have.nested.property('model.parameters', 43_648);
    expect(text).to.match(
      /The model: 43,648 parameters, 10 elements of buffers; 25,600 tokens\/s in a forward on one core/,
    );
  });

  it('says what a model fails by, and shows the line', async () => {
    const failure = { kind: 'exception', where: 'architecture.py:2', message: 'ValueError: no' } as const;
    const broken = building({ kind: 'reported', report: { ...report, stage: 'build', failure } });
    const { exitCode, value, text } = await checked(
      await folder(honest),
      { gates: { distributed: 'off' } },
      false,
      broken,
    );
    expect(exitCode).to.equal(1);
    expect(verdicts(value)).to.include('parameters failed');
    expect(text).to.include('architecture.py:2: prism:parameters-instantiation').and.include('ValueError: no');
  });

  const outages: readonly (readonly [string, typeof noEngine, string])[] = [
    ['there is no engine', noEngine, 'no engine'],
    ['the engine goes away', failing(new EngineUnavailableError('gone')), 'gone'],
    ['the container doesn’t come up', failing(new InstantiationUnavailableError('not ready')), 'not ready'],
  ];
  for (const [why, models, reason] of outages) {
    it(`skips the parameters gate, visibly, where ${why}`, async () => {
      const { exitCode, value, text } = await checked('examples/gru', {}, false, models);
      expect(exitCode).to.equal(0);
      expect(verdicts(value)).to.include('parameters skipped');
      expect(text).to.match(new RegExp(`^parameters +\\S+ +skipped: ${reason}$`, 'm'));
      const { value: sarif } = await checked('examples/gru', {}, true, models);
      const [run] = sarifSchema.parse(sarif).runs;
      expect(run?.invocations[0]?.toolExecutionNotifications.map(({ message }) => message.text)).to.deep.equal([
        `The parameters gate was skipped: ${reason}.`,
      ]);
    });
  }

  it('makes no excuse for a fault of its own', async () => {
    const thrown = await checked('examples/gru', {}, false, failing(new Error('a bug'))).catch((error) => error);
    expect(thrown).to.have.property('message', 'a bug');
  });

  it('measures what a bundle weighs, compressed', async () => {
    const heavy = { ...honest, 'weights.txt': randomBytes(150_000).toString('base64') };
    const { value } = await checked(await folder(heavy));
    const [, contract] = resultSchema.parse(value).gates;
    expect(contract?.findings.map(({ rule }) => rule)).to.deep.equal(['prism:contract-xz-size']);
    const uncapped = await checked(await folder(heavy), { limits: { bundleXzBytes: null } });
    expect(verdicts(uncapped.value)).to.include('contract passed');
  });

  it('takes a tokenizer that the bundle declares', async () => {
    const declaring = (merges: string) => ({
      ...honest,
      'prism.yaml': 'tokenizer: tokens.json\n',
      'tokens.json': `{"schema":"prism_bpe.v1","merges":${merges}}`,
    });
    expect(verdicts((await checked(await folder(declaring('[[116,104]]')))).value)).to.include('contract passed');
    const { text } = await checked(await folder(declaring('[[116,300]]')));
    expect(text).to.include('prism:contract-tokenizer-file').and.include('merges[0]');
  });

  it('shows the line of a finding with a mark under what it is about', async () => {
    const { exitCode, text } = await checked('examples/forbidden');
    expect(exitCode).to.equal(1);
    expect(text).to.include(
      [
        'training.py:22:11: prism:no-filesystem',
        ' 22 |     log = open(f"{ctx.artifacts_dir}/losses.txt", "w")',
        '    |           ^^^^',
      ].join('\n'),
    );
  });

  it('goes on behind the first gate that finds something', async () => {
    const path = await folder({ ...honest, 'prism.yaml': 'kind: other\n', 'training.py': 'import os\n' });
    const { exitCode, value } = await checked(path);
    expect(exitCode).to.equal(1);
    expect(verdicts(value)).to.deep.equal([
      ...['intake passed', 'contract failed', 'static failed', 'parameters notRun', 'distributed notRun'],
    ]);
  });

  it('runs no gate over what can’t be parsed', async () => {
    const { value, text } = await checked(await folder({ ...honest, 'training.py': 'def train(ctx:\n' }));
    expect(verdicts(value)).to.deep.equal([
      ...['intake passed', 'contract failed', 'static notRun', 'parameters notRun', 'distributed notRun'],
    ]);
    expect(text).to.include('training.py:1:10: prism:contract-python-syntax');
  });

  it('takes a zip, and meets the door’s rules first', async () => {
    const zip = join(home, 'bundle.zip');
    await writeFile(zip, packFiles(Object.entries(honest).map(([path, text]) => ({ path, bytes: Buffer.from(text) }))));
    expect(verdicts((await checked(zip)).value)).to.include('contract passed');
    await writeFile(zip, writeZip([{ name: '../training.py', content: 'x' }]));
    const refused = await checked(zip);
    expect(refused.exitCode).to.equal(1);
    expect(verdicts(refused.value)[0]).to.equal('intake failed');
    expect(refused.text).to.include('../training.py: prism:zip-parent-path');
  });

  it('follows the policy: a gate that is off, and one that only flags', async () => {
    const path = await folder({ ...honest, 'training.py': 'import os\n\ndef train(ctx):\n    pass\n' });
    const { exitCode, value } = await checked(path, {
      gates: { static: 'off', parameters: 'off', distributed: 'flag' },
    });
    expect(exitCode).to.equal(0);
    expect(verdicts(value)).to.deep.equal([
      'intake passed',
      'contract passed',
      'static skipped',
      'parameters skipped',
      'distributed flagged',
    ]);
  });

  it('writes SARIF', async () => {
    const path = await folder({ ...honest, 'training.py': 'import os\n\ndef train(ctx):\n    pass\n' });
    const { exitCode, value } = await checked(path, { gates: { distributed: 'flag' } }, true);
    expect(exitCode).to.equal(1);
    const [run] = sarifSchema.parse(value).runs;
    expect(run?.results[0]).to.deep.include({
      ruleId: 'prism:no-process',
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'training.py' },
            region: { startLine: 1, startColumn: 1, snippet: { text: 'import os' } },
          },
        },
      ],
    });
    expect(run?.results.slice(1).map(({ level }) => level)).to.deep.equal(new Array(5).fill('warning'));
  });

  it('lets no source speak to the terminal', async () => {
    const path = await folder({
      ...honest,
      'training.py': 'x = "\u001b[2J"; import os\n\ndef train(ctx):\n    pass\n',
    });
    const { text } = await checked(path);
    expect(text).to.include('import os').and.not.include('\u001b');
  });

  it('says what it lacks: a path, a parser', async () => {
    const refusal = async (path: string, python?: string) =>
      check(path, policySchema.parse({}), { python, sarif: false, model: false }, capturedOutput().output).catch(
        (error) => error,
      );
    expect(await refusal(join(home, 'nowhere')))
      .to.be.instanceOf(CommandError)
      .and.include({ exitCode: 2 });
    expect(await refusal('examples/gru', 'no-such-python'))
      .to.be.instanceOf(CommandError)
      .and.include({ exitCode: 2 });
  });
});
