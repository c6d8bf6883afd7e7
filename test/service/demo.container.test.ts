import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { z } from 'zod';
import { packageRoot } from '../../cli/package-root.ts';
import { deriveId } from '../../domain/ids.ts';
import { startCluster } from '../storage/kurrent-fixtures.ts';
import { ownEnvironment, prism } from './service-process.ts';
import { describeServices, ofInstance } from './with-services.ts';

/** The largest batch of the examples, 16 · 64 bytes, may be a 64th of the stream, which ends up to 3 bytes early. */
const streamBytes = 64 * 16 * 64 + 3;

/** As the demo names itself: not after its log, which is a new one every time. */
const demoInstance = deriveId('instance', 'demo', join(packageRoot, '.prism', 'demo'));

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const answerSchema = z.looseObject({
  submissions: z.array(
    z.strictObject({
      name: z.string(),
      status: z.string(),
      finalScore: z.number().nullable(),
      bitsPerByte: z.number().nullable(),
      coveredBytes: z.number().nullable(),
      attempts: z.number(),
      recordDigest: digest.nullable(),
      gates: z.array(
        z.strictObject({
          gate: z.string(),
          verdict: z.string(),
          milliseconds: z.number().nonnegative(),
          findings: z.array(
            z.strictObject({ rule: z.string(), path: z.string().nullable(), line: z.number().nullable() }),
          ),
        }),
      ),
    }),
  ),
  weights: z.record(z.string(), z.number()),
});

describeServices('as a demo', (services) => {
  async function scoresTheExamples(options: readonly string[]): Promise<void> {
    const command = [prism, 'demo', '--json', '--stream-bytes', String(streamBytes), ...options];
    const { stdout } = await promisify(execFile)(process.execPath, command, { env: ownEnvironment() });
    const { submissions, weights } = answerSchema.parse(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''));

    expect(submissions.map(({ name, status }) => [name, status])).to.deep.equal([
      ['transformer', 'completed'],
      ['gru', 'completed'],
      ['crash', 'failed'],
      ['forbidden', 'rejected'],
    ]);
    const [transformer, gru, crash, forbidden] = submissions;
    for (const honest of [transformer, gru]) {
      expect(honest?.attempts).to.equal(1);
      expect(honest?.coveredBytes).to.be.within(streamBytes - 3 - 16, streamBytes);
      expect(honest?.bitsPerByte).to.be.within(1, 8);
      expect(honest?.finalScore).to.be.within(1 / 9.5, 1 / 2);
      expect(honest?.recordDigest).to.be.a('string');
    }
    expect(crash).to.deep.include({ attempts: 1, finalScore: null, bitsPerByte: null, recordDigest: null });
    const verdictsOf = (submission: typeof gru) => submission?.gates.map(({ gate, verdict }) => `${gate} ${verdict}`);
    for (const honest of [transformer, gru]) {
      expect(verdictsOf(honest)).to.deep.equal([
        ...['contract passed', 'static passed', 'parameters passed', 'distributed passed', 'duplicate passed'],
        'llm skipped',
      ]);
      const seen = honest?.gates.filter(({ verdict }) => verdict === 'passed').map(({ milliseconds }) => milliseconds);
      expect(seen?.every((milliseconds) => milliseconds > 0)).to.equal(true);
    }
    expect(verdictsOf(forbidden)).to.deep.equal(['contract passed', 'static failed']);
    expect(forbidden?.gates.at(-1)?.findings).to.deep.equal([
      { rule: 'prism:no-filesystem', path: 'training.py', line: 22 },
    ]);
    const paid = Object.values(weights);
    expect(paid.reduce((sum, weight) => sum + weight, 0)).to.be.closeTo(1, 1e-9);
    expect(Object.keys(weights)).not.to.include('demo-carol');

    const left = await ofInstance(services.engine(), demoInstance);
    expect(left).to.deep.equal({ containers: [], volumes: [] });
  }

  it('scores the examples and says so in its last line, and leaves nothing running', () => scoresTheExamples([]));

  it('does the same with its log in a cluster, over the loopback double', async () => {
    const cluster = await startCluster();
    await scoresTheExamples(['--log', cluster.url]);
    const completed = cluster.database.all.filter(({ type }) => type === 'SubmissionCompleted');
    expect(completed).to.have.length(2);
    await cluster.stop();
  });
});
