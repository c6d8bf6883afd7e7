import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { reportScore, scoreConfig } from '../../cli/commands/score.ts';
import { describeReport, scoreReport } from '../../cli/score-report.ts';
import { type Config, readConfig } from '../../config.ts';
import { toAttachment } from '../../domain/blob-digest.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { gateNames, submissionStream } from '../../domain/submission/events.ts';
import { parseManifest } from '../../executor/run-manifest.ts';
import { permits } from '../../machines/submission-machine.ts';
import { openStorage } from '../../storage/open-storage.ts';
import * as example from '../domain/submission-examples.ts';
import { capturedOutput } from './captured-output.ts';

const manifest = async () => parseManifest(await readFile(join('gpu-runner/fixtures/manifest.json')));

describe('What prism score says', () => {
  it('of a completed run is its code length, its speed, and how far it would get in production', async () => {
    const given = await manifest();
    const seconds = { setup: 20, frames: 30, training: 60, total: 111 };
    const report = scoreReport(example.completed, { ...given, compute: { ...given.compute, seconds } });

    expect(report).to.deep.include({ verdict: 'completed', reason: null, findings: [] });
    expect(report.score?.bitsPerByte).to.be.closeTo(2 * 0.9 + 8 * 0.1, 1e-6);
    expect(report.score).to.include({ coveredBytes: 90_000, streamBytes: 100_000, blindBpb: null });
    expect(report.throughput).to.deep.equal({
      ...{ tokensPerSecond: 89_992 / 90, bytesPerSecond: 1_000, setupSeconds: 20 },
    });
    const { streamBytes, limits } = policySchema.parse({});
    expect(report.production).to.deep.equal({
      ...{ streamBytes, budgetSeconds: limits.budgetSeconds },
      coveredShare: ((limits.budgetSeconds - 20) * 1_000) / streamBytes,
    });
    expect(describeReport(report).split('\n')).to.deep.equal([
      'verdict        completed',
      'bits per byte  2.6',
      'paid blind     too few decoys',
      'could hide     nothing bounds it',
      "counting       3.05, the referee's own predictor",
      'charged        2.7 with the bundle; final score 0.27027',
      'covered        90 % of 100000 bytes',
      'throughput     1000 tokens a second, 1000 bytes a second, after 20 s of setting up',
      "in production  1.18 % of a stream of 1e+8 bytes within 1200 s, at this machine's speed",
    ]);
  });

  it('of a fast model is that it would cover all of a production stream, and no more', async () => {
    const given = await manifest();
    const seconds = { setup: 0, frames: 0.2, training: 0.1, total: 1 };
    const { production } = scoreReport(example.completed, { ...given, compute: { ...given.compute, seconds } });
    expect(production?.coveredShare).to.equal(1);
  });

  it('of a bundle that a gate rejects is what the gate found', () => {
    const rejected = [
      example.received,
      example.fact('GateFailed', {
        ...{ gate: 'contract', gateVersion: 'contract-1', findings: [example.finding], evidence: null },
        policyVersion: 1,
      }),
      example.fact('SubmissionRejected', { reason: 'gateFailed', gate: 'contract', message: 'no contract' }),
    ];
    expect(describeReport(scoreReport(rejected, null)).split('\n')).to.deep.equal([
      'verdict        rejected',
      'reason         gateFailed: no contract',
      'finding        training.py:3 prism:contract-symbol: train is not callable',
    ]);
  });

  it('of a model that pays more where it is blind is that it would be held, and both figures', async () => {
    const { data, ...event } = example.attemptCompleted('score', 1);
    const completed = { ...event, data: { ...data, examination: example.objectionable } };
    const report = scoreReport([...example.measuring, completed, example.held('hold', 'integrity')], await manifest());
    expect(report).to.deep.include({
      verdict: 'held',
      reason: { code: 'integrity', message: 'looks odd', where: null },
    });
    expect(report.score).to.include({ blindBpb: 2.9, blindStandardErrorBpb: 0.05, undetectedBpb: 0.28 });
    expect(report.score).to.include({ finalScore: null, chargedBpb: null });
  });
});

describe('prism score, once its run has ended', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'prism-score-test-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  /** Writes a submission whose run was requested, and what then happens to it. */
  async function told(...commands: readonly SubmissionCommand[]) {
    const storage = await openStorage({ dataDir });
    const submissions = commandHandler(storage.log, submissionAggregate, permits);
    const { submissionId } = example.receipt;
    const before: readonly SubmissionCommand[] = [
      { kind: 'ReceiveSubmission', received: example.receipt },
      example.recordGate('contract', { kind: 'resolved', contract: example.contract, gateVersion: '1' }),
      ...gateNames.slice(1).map((gate) => example.recordGate(gate, { kind: 'skipped', reason: 'off' })),
      example.requestRun('score', 'score'),
    ];
    await storage.blobs.put(printed.attachment.bytes);
    for (const [index, command] of [...before, ...commands].entries()) {
      const context = { causeId: `command ${index}`, correlationId: 'test', at: example.instant(0) };
      const handled = await submissions.handle(submissionStream(submissionId), command, context);
      if (isRejection(handled)) throw new Error(`${command.kind}: ${handled.detail}`);
    }
    await storage.close();
    const captured = capturedOutput();
    const exitCode = await reportScore(configOf({}), submissionId, captured.output);
    return { exitCode, ...captured };
  }
  const printed = toAttachment(Buffer.from('Traceback\n  training.py, line 7\n'));
  const configOf = (environment: Record<string, string>): Config =>
    readConfig({ PRISM_DATA_DIR: dataDir, ...environment });

  it('answers no for a training that crashed, and shows the end of what it printed', async () => {
    const outcome = { ...example.crashOutcome, log: printed.reference };
    const { exitCode, values, notes } = await told(
      example.startAttempt('score', 1),
      example.recordOutcome('score', 1, outcome),
    );
    expect(exitCode).to.equal(1);
    expect(values).to.have.length(1);
    expect(values[0]).to.deep.include({
      verdict: 'failed',
      reason: { code: 'exception', message: 'ZeroDivisionError', where: 'training.py:7' },
      score: null,
      throughput: null,
    });
    expect(notes.join('\n')).to.include('training.py, line 7');
  });

  it('calls it a fault of ours where attempts ran out', async () => {
    const { exitCode, values } = await told(
      example.startAttempt('score', 1),
      example.recordOutcome('score', 1, example.ourFault, 1),
    );
    expect(exitCode).to.equal(70);
    expect(values[0]).to.deep.include({ verdict: 'failed', score: null });
  });

  it("takes the environment's policy, but no reruns, and its own stream, budget and log", () => {
    const run = { cutsPerMegabyte: 500, framesPerBatch: 0.5 };
    const initialPolicy = { limits: { graceSeconds: 60 }, integrity: { run } };
    const environment = { ...configOf({ PRISM_SLOTS: 'cpu0=0,cpu1=1' }), initialPolicy };
    const config = scoreConfig(environment, '/elsewhere', { bytes: 50_000, seconds: 90 });
    const { streamBytes, deviceClasses, limits, integrity } = policySchema.parse(config.initialPolicy);
    expect({ streamBytes, deviceClasses }).to.deep.equal({ streamBytes: 50_000, deviceClasses: ['cpu'] });
    expect(limits).to.include({ graceSeconds: 60, budgetSeconds: 90, timeoutSeconds: 1_800 - 1_200 + 90 });
    expect(integrity.reruns.mode).to.equal('off');
    expect(integrity.run).to.deep.equal(run);
    expect(config.slots.map(({ device }) => device)).to.deep.equal(['cpu0']);
    expect(config).to.include({ dataDir: '/elsewhere', logUrl: 'sqlite:/elsewhere' });
  });

  it('refuses a stream that policy has no room for', () => {
    const tooShort = () => scoreConfig(configOf({}), '/elsewhere', { bytes: 12, seconds: undefined });
    expect(tooShort).to.throw('streamBytes').with.property('exitCode', 2);
  });
});
