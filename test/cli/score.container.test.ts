import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { exitCodes } from '../../cli/exit-codes.ts';
import { packageRoot } from '../../cli/package-root.ts';
import { describeWithEngine } from '../executor/with-engine.ts';
import { ownEnvironment, prism } from '../service/service-process.ts';

/** The largest batch of the examples, 16 · 64 bytes, may be a 64th of the stream, which ends up to 3 bytes early. */
const streamBytes = 64 * 16 * 64 + 3;

const reportSchema = z.looseObject({
  verdict: z.string(),
  reason: z.looseObject({ code: z.string(), where: z.string().nullable() }).nullable(),
  score: z.looseObject({ bitsPerByte: z.number(), coveredBytes: z.number(), chargedBpb: z.number() }).nullable(),
  throughput: z.looseObject({ tokensPerSecond: z.number(), bytesPerSecond: z.number() }).nullable(),
  production: z.looseObject({ coveredShare: z.number() }).nullable(),
});

type Answer = {
  readonly exitCode: unknown;
  readonly report: z.infer<typeof reportSchema>;
  readonly notes: string;
};

function scored(example: string): Promise<Answer> {
  const bundle = join(packageRoot, 'examples', example);
  const command = [prism, 'score', bundle, '--json', '--bytes', String(streamBytes), '--seconds', '120'];
  const env = { ...ownEnvironment(), PRISM_SLOT_MEMORY: String(2 * 2 ** 30) };
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) => {
      const report = reportSchema.parse(JSON.parse(stdout));
      resolve({ exitCode: error === null ? 0 : error.code, report, notes: stderr });
    });
  });
}

describeWithEngine('prism score in real containers', () => {
  it('measures an honest bundle, and says how far it would get', async () => {
    const { exitCode, report, notes } = await scored('gru');
    expect(exitCode, notes).to.equal(exitCodes.ok);
    expect(report).to.include({ verdict: 'completed', reason: null });
    expect(report.score?.bitsPerByte).to.be.within(1, 8);
    expect(report.score?.coveredBytes).to.be.within(streamBytes - 3 - 16, streamBytes);
    expect(report.throughput?.bytesPerSecond).to.be.above(0);
    expect(report.production?.coveredShare).to.be.within(0, 1).and.not.equal(0);
    expect(notes).to.match(/% of the stream/);
  });

  it('says where the training of another one broke, and shows what it printed', async () => {
    const { exitCode, report, notes } = await scored('crash');
    expect(exitCode, notes).to.equal(exitCodes.negative);
    expect(report).to.include({ verdict: 'failed', score: null, throughput: null, production: null });
    expect(report.reason?.code).to.equal('exception');
    expect(report.reason?.where).to.match(/^training\.py:\d+$/);
    expect(notes).to.include('Traceback');
  });
});
