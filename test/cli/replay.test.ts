import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { replaySubmission } from '../../cli/commands/replay.ts';
import { readConfig } from '../../config.ts';
import { toAttachment } from '../../domain/blob-digest.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { examinationVersion } from '../../domain/integrity/examination.ts';
import { policyStream } from '../../domain/policy/events.ts';
import { policyAggregate } from '../../domain/policy/policy-aggregate.ts';
import type { Attachment } from '../../domain/ports/event-log.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { gateNames, submissionStream } from '../../domain/submission/events.ts';
import { readRunFiles } from '../../executor/read-run-files.ts';
import type { RunSpec } from '../../executor/run-spec.ts';
import { permits } from '../../machines/submission-machine.ts';
import { openStorage } from '../../storage/open-storage.ts';
import {
  completedOutcome,
  concludeWith,
  contract,
  instant,
  receipt,
  recordGate,
  recordOutcome,
  requestRun,
  startAttempt,
  withoutReruns,
} from '../domain/submission-examples.ts';
import { examining } from '../executor/run-examples.ts';

/** A log with one scored submission, whose record, cuts and manifest a referee wrote. */
async function scored(dataDir: string, version = examinationVersion): Promise<void> {
  const fixture = (name: string) => readFile(join('gpu-runner/fixtures', `${name}.json`));
  const files = { record: await fixture('record'), cuts: await fixture('cuts'), manifest: await fixture('manifest') };
  const spec: RunSpec = JSON.parse(String(await fixture('spec')));
  const { measured } = readRunFiles(files, spec, examining);
  if (measured === null) throw new Error('the fixture measures nothing');
  const examination = { ...measured.examination, version };
  const stored = {
    record: toAttachment(files.record),
    cuts: toAttachment(files.cuts),
    manifest: toAttachment(files.manifest),
  };
  const outcome = {
    ...{ ...completedOutcome, ...measured, examination, keys: { cuts: spec.decoys.cutKey, rows: null } },
    ...{ record: stored.record.reference, cuts: stored.cuts.reference, manifest: stored.manifest.reference },
  };
  const storage = await openStorage({ dataDir });
  const context = (causeId: string) => ({ causeId, correlationId: 'test', at: instant(0) });
  await commandHandler(storage.log, policyAggregate).handle(
    policyStream,
    { kind: 'ActivateFirstPolicy', draft: withoutReruns, operator: 'olga', reason: 'start' },
    context('policy'),
  );
  const submissions = commandHandler(storage.log, submissionAggregate, permits);
  const commands: readonly (readonly [SubmissionCommand, readonly Attachment[]])[] = [
    [{ kind: 'ReceiveSubmission', received: receipt }, []],
    [recordGate('contract', { kind: 'resolved', contract, gateVersion: '1' }), []],
    ...gateNames.slice(1).map((gate) => [recordGate(gate, { kind: 'skipped', reason: 'off' }), []] as const),
    [requestRun('score', 'score'), []],
    [startAttempt('score', 1), []],
    [recordOutcome('score', 1, outcome), Object.values(stored).map(({ attachment }) => attachment)],
    [concludeWith({}), []],
  ];
  for (const [index, [command, attachments]] of commands.entries()) {
    const stream = submissionStream(receipt.submissionId);
    const handled = await submissions.handle(stream, command, context(`command ${index}`), attachments);
    if (isRejection(handled)) throw new Error(`${command.kind}: ${handled.detail}`);
  }
  await storage.close();
}

describe('prism replay', () => {
  let [dataDir, older] = ['', ''];
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'prism-replay-'));
    older = await mkdtemp(join(tmpdir(), 'prism-replay-'));
    await scored(dataDir);
    await scored(older, 1);
  });
  after(async () => {
    for (const folder of [dataDir, older]) await rm(folder, { recursive: true });
  });

  async function answered(id: string, folder = dataDir) {
    const texts: string[] = [];
    const config = readConfig({ PRISM_DATA_DIR: folder });
    const output = {
      isJson: false,
      result: (_: object, text: () => string) => void texts.push(text()),
      note: () => {},
    };
    return { code: await replaySubmission(config, id, output), text: texts.join('\n') };
  }

  it('computes what a submission was scored by anew, and finds it the same', async () => {
    const { code, text } = await answered(receipt.submissionId);
    expect(code).to.equal(0);
    expect(text.match(/the same, to the last bit/g)).to.have.length(3);
  });

  it('says of an examination by an earlier version that it is not compared, and holds nothing against it', async () => {
    const { code, text } = await answered(receipt.submissionId, older);
    expect(code).to.equal(0);
    expect(text).to.match(/examination +not compared: examined by another version of the tests/);
    expect(text.match(/the same, to the last bit/g)).to.have.length(2);
  });

  it('says that there is no such submission', async () => {
    const refused = await answered('another').catch((error: Error) => error.message);
    expect(refused).to.include('no submission another');
  });
});
