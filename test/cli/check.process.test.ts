import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { inspectorAbsence } from '../gates/python-inspector.ts';
import { runPrism } from './prism-process.ts';

const absence = inspectorAbsence();

(absence === null ? describe : describe.skip)(`prism check as a command${absence ?? ''}`, function () {
  this.timeout(30_000);

  it('exits with 0 where a bundle passes, with 1 where it does not, and says why in one line of JSON', async () => {
    expect(await runPrism(tmpdir(), 'check', 'examples/transformer', '--no-model')).to.have.property('exitCode', 0);
    const { exitCode, lines } = await runPrism(tmpdir(), 'check', 'examples/forbidden', '--no-model');
    expect(exitCode).to.equal(1);
    expect(JSON.stringify(lines[0])).to.include('"verdict":"skipped","reason":"left out by --no-model"');
    expect(lines).to.have.length(1);
    expect(JSON.stringify(lines[0])).to.include('"rule":"prism:no-filesystem","path":"training.py","line":22');
  });

  it('prints SARIF, and exits with 2 for what it can’t read', async () => {
    const { exitCode, lines } = await runPrism(tmpdir(), 'check', 'examples/forbidden', '--sarif', '--no-model');
    expect(exitCode).to.equal(1);
    expect(lines[0]).to.include({ version: '2.1.0' });
    expect(await runPrism(tmpdir(), 'check', 'examples/nowhere')).to.have.property('exitCode', 2);
  });
});
