import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { describeWithEngine } from '../executor/with-engine.ts';
import { runPrism } from './prism-process.ts';

const answerSchema = z.looseObject({
  gates: z.array(
    z.looseObject({
      gate: z.string(),
      verdict: z.string(),
      findings: z.array(z.looseObject({ rule: z.string(), path: z.string().nullable(), line: z.number().nullable() })),
    }),
  ),
  model: z
    .looseObject({ parameters: z.number(), throughput: z.looseObject({ tokensPerSecond: z.number() }).nullable() })
    .nullable(),
});

describeWithEngine('prism check with a container to build the model in', () => {
  async function checked(path: string) {
    const { exitCode, lines } = await runPrism(tmpdir(), 'check', path);
    const { gates, model } = answerSchema.parse(lines[0]);
    return { exitCode, model, parameters: gates.find(({ gate }) => gate === 'parameters') };
  }

  it('passes an example, and says how large and how fast its model is', async () => {
    const { exitCode, model, parameters } = await checked('examples/gru');
    expect(parameters).to.deep.include({ verdict: 'passed', findings: [] });
    expect(exitCode).to.equal(0);
    expect(model?.parameters).to.equal(321_280);
    expect(model?.throughput?.tokensPerSecond).to.be.above(0);
  });

  it('exits with 1 for a model that can’t be built, and names the line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prism-check-'));
    await writeFile(join(folder, 'architecture.py'), 'def build_model(ctx):\n    return 1 / 0\n');
    await writeFile(join(folder, 'training.py'), 'def train(ctx):\n    pass\n');
    const { exitCode, model, parameters } = await checked(folder);
    expect(model).to.equal(null);
    expect(exitCode).to.equal(1);
    const { verdict, findings: [found] = [] } = parameters ?? {};
    expect(verdict).to.equal('failed');
    expect(found).to.include({ rule: 'prism:parameters-instantiation', path: 'architecture.py', line: 2 });
    await rm(folder, { recursive: true });
  });
});
