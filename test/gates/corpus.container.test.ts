import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import { inspectorContainer } from '../../executor/inspector-container.ts';
import { readModules } from '../../gates/read-modules.ts';
import { judgeStatically } from '../../gates/static/judge.ts';
import { describeWithEngine } from '../executor/with-engine.ts';
import { expectedFindings, specimens } from './corpus.ts';

describeWithEngine('the static gate over the inspector in its container', (real) => {
  it('finds in the whole corpus what it says, and nothing else', async () => {
    const { engine, imageId, instance } = real();
    const logger = { info() {}, warn() {}, error() {} };
    const inspector = inspectorContainer({ engine, imageId, instance, logger });
    try {
      for (const { name, files, ...specimen } of [...specimens('hostile'), ...specimens('honest')]) {
        const modules = await readModules(files, inspector);
        const findings = judgeStatically(modules, ['training.py'], policySchema.parse({}).staticRules);
        const found = new Set(findings.map(({ path, line, rule }) => `${path}:${line} ${rule}`));
        expect([...found].toSorted(), name).to.deep.equal(expectedFindings({ name, files, ...specimen }));
      }
    } finally {
      await inspector.close();
    }
  });
});
