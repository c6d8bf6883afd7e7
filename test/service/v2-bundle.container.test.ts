import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../cli/package-root.ts';
import { readBundle } from '../../cli/read-bundle.ts';
import { isOf, type LogWatch, watchLog } from './log-watch.ts';
import { readRecord } from './records.ts';
import { type ServiceHome, type ServiceProcess, smallPolicy } from './service-process.ts';
import { handIn, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

/** GPT-2 makes some four bytes a token of this text, and a batch of 4 · 64 may be a 64th of the stream's tokens. */
const streamBytes = 80_000;
const gpt2Vocabulary = 50_257;

const examples = {
  'gpt2-v2': { name: 'GPT-2 tokens (v2)', tokenizer: 'gpt2' },
  transformer: { name: 'Transformer', tokenizer: 'bytes' },
  gru: { name: 'GRU', tokenizer: 'bytes' },
  crash: { name: 'Crashing GRU', tokenizer: 'bytes' },
} as const;

describeServices('that is given the shipped bundles', (services) => {
  let home: ServiceHome;
  let service: ServiceProcess;
  let log: LogWatch;
  const ids = new Map<string, string>();

  before(async () => {
    // With the gates as they are by default: these bundles pass them.
    home = await services.home({ ...smallPolicy, streamBytes, gates: {} });
    service = await home.start();
    log = await watchLog(home.dataDir);
    for (const name of Object.keys(examples)) {
      const archive = await readBundle(join(packageRoot, 'examples', name));
      ids.set(name, await handIn(service.client, archive, name));
    }
  });
  after(() => log?.close());

  for (const [name, expected] of Object.entries(examples)) {
    it(`resolves the contract of ${name}`, async () => {
      const { envelope } = await log.until(isOf(ids.get(name) ?? '', 'ContractResolved'));
      expect(envelope.data.contract).to.include({ kind: 'full', ...expected });
    });
  }

  it('runs a bundle as it was written for PRISM v2 unchanged, on the tokens that its manifest names', async () => {
    const submission = await settled(service.client, ids.get('gpt2-v2') ?? '');
    expect(submission).to.include({ status: 'completed', reason: null, attempts: 1 });
    const record = await readRecord(home.dataDir, submission.record_digest);
    expect(record).to.include({ tokenizer: 'gpt2', vocab: gpt2Vocabulary });
    expect(record.streamTokens).to.be.within(64 * 4 * 64, record.streamBytes / 3);
    expect(record.streamBytes).to.be.within(streamBytes - 3, streamBytes);
    expect(submission.covered_bytes).to.be.within(record.streamBytes - 100, record.streamBytes);
    const uniform = (Math.log2(gpt2Vocabulary) * record.streamTokens) / record.streamBytes;
    expect(submission.score?.bits_per_byte).to.be.below(uniform);
  });
});
