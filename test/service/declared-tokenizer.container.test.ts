import { expect } from 'chai';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { bundle } from './bundles.ts';
import { isOf, type LogWatch, watchLog } from './log-watch.ts';
import { readRecord } from './records.ts';
import { type ServiceHome, type ServiceProcess, smallPolicy } from './service-process.ts';
import { handIn, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

const words: readonly (readonly [number, number])[] = [
  ...([
    [116, 104],
    [256, 101],
    [32, 257],
    [97, 110],
    [259, 100],
    [32, 260],
  ] as const), // th the ␠the an and ␠and
  ...([
    [32, 111],
    [262, 102],
    [105, 110],
    [101, 114],
  ] as const), // ␠o ␠of in er
];
const declaring = (merges: readonly unknown[]) =>
  bundle(
    {},
    {
      'prism.yaml': 'tokenizer: words/tokens.json\n',
      'words/tokens.json': JSON.stringify({ schema: 'prism_bpe.v1', merges }),
    },
  );

const policy: PolicyDraft = {
  ...smallPolicy,
  gates: { ...smallPolicy.gates, parameters: 'on', duplicate: 'on' },
  heldOut: { mode: 'on', valBytes: 4_096, trainBytes: 4_096, cuts: 256, resamples: 100, budgetSeconds: 60 },
};

describeServices('that is given bundles with tokenizers of their own', (services) => {
  let home: ServiceHome;
  let service: ServiceProcess;
  let log: LogWatch;

  before(async () => {
    home = await services.home(policy);
    service = await home.start();
    log = await watchLog(home.dataDir);
  });
  after(() => log?.close());

  it('scores one on its own tokens', async () => {
    const id = await handIn(service.client, declaring(words), 'declaring');
    const { envelope } = await log.until(isOf(id, 'ContractResolved'));
    expect(envelope.data.contract).to.deep.include({ tokenizer: { bpe: { path: 'words/tokens.json' } } });
    const submission = await settled(service.client, id);
    expect(submission).to.include({ status: 'completed', reason: null });
    for (const gate of ['parameters', 'duplicate'])
      await log.until((stored) => isOf(id, 'GatePassed')(stored) && stored.envelope.data.gate === gate);
    await log.until(isOf(id, 'HeldOutMeasured'));
    const record = await readRecord(home.dataDir, submission.record_digest);
    expect(record).to.include({ tokenizer: 'words/tokens.json', vocab: 256 + words.length });
    expect(record.streamTokens).to.be.within(8_192, 0.9 * record.streamBytes);
    const uniform = (Math.log2(record.vocab) * record.streamTokens) / record.streamBytes;
    expect(submission.score?.bits_per_byte).to.be.below(uniform);
  });

  it('rejects one whose file breaks the form, before anything runs, with the place', async () => {
    const id = await handIn(service.client, declaring([...words, [116, 104]]), 'repeating');
    const submission = await settled(service.client, id);
    expect(submission).to.include({ status: 'rejected', attempts: 0 });
    const [problem] = submission.reason?.findings ?? [];
    expect(problem).to.include({ rule: 'prism:contract-tokenizer-file', path: 'words/tokens.json' });
    expect(problem?.explanation).to.include('merges[10] repeats merges[0]');
  });
});
