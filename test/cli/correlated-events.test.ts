import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { correlatedEvents } from '../../cli/commands/correlated-events.ts';
import { readConfig } from '../../config.ts';
import { receipt } from '../domain/submission-examples.ts';
import { goldenLogFolder } from '../golden/golden-log.ts';
import { withFolder } from '../storage/fixtures.ts';
import { capturedOutput } from './captured-output.ts';

describe('prism events --correlation', () => {
  const run = (correlationId: string) =>
    withFolder(async (dataDir) => {
      copyFileSync(join(goldenLogFolder, 'events.v1.sqlite'), join(dataDir, 'events.sqlite'));
      const said = capturedOutput();
      const exitCode = await correlatedEvents(readConfig({ PRISM_DATA_DIR: dataDir }), correlationId, said.output);
      return { exitCode, ...said };
    });

  it('tells all that belongs to a submission, in every stream, and which event each was caused by', async () => {
    const { exitCode, lines, values } = await run(receipt.submissionId);
    expect(exitCode).to.equal(0);
    const story = lines.map((line) => /^(\d+ ← \S+).* {2}(\S+) {2}(\S+) {2}/.exec(line)?.slice(1, 4).join(' '));
    expect(story.slice(0, 2)).to.deep.equal([
      '3 ← command submission-submission-of-alice SubmissionReceived',
      '4 ← 3 submission-submission-of-alice ContractResolved',
    ]);
    expect(story.slice(8, 11)).to.deep.equal([
      '11 ← 10 slot-host-gpu0 LeaseGranted',
      '12 ← 11 submission-submission-of-alice AttemptStarted',
      '13 ← 11 submission-submission-of-alice AttemptCompleted',
    ]);
    expect(values).to.have.length(16);
    expect(values[0]).to.include({ position: 3, revision: 0, causation_id: 'receive', schema_version: 1 });
  });

  it('answers no where nothing does', async () => {
    const { exitCode, values, notes } = await run('nobody');
    expect({ exitCode, values, notes }).to.deep.equal({
      exitCode: 1,
      values: [],
      notes: ['Nothing in the log belongs to nobody.'],
    });
  });
});
