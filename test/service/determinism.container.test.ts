import { expect } from 'chai';
import { architecture, bundle } from './bundles.ts';
import { readBlob, readRecord } from './records.ts';
import type { ServiceHome, ServiceProcess } from './service-process.ts';
import { handIn, type Measured, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

describeServices('that measures a bundle', (services) => {
  let homes: readonly ServiceHome[];
  let running: readonly ServiceProcess[];
  let narrow: readonly Measured[];

  const measure = async ({ client }: ServiceProcess, width: number, hotkey: string) => {
    const archive = bundle({ architecture: architecture({ width }) });
    return settled(client, await handIn(client, archive, hotkey));
  };
  const at = <Item>(items: readonly Item[], index: number): Item => {
    const found = items[index];
    if (found === undefined) throw new Error(`there is no ${index}`);
    return found;
  };

  before('two fresh logs with the same season secret, a core each', async () => {
    homes = [await services.home(), await services.home()];
    running = await Promise.all(homes.map((home, core) => home.start({ PRISM_SLOTS: `cpu0=${core}` })));
    narrow = await Promise.all(running.map((service, index) => measure(service, 16, `miner-${index}`)));
  });

  it('gives the same record bit for bit in another log', async () => {
    const [first, second] = [at(narrow, 0), at(narrow, 1)];
    expect(first.status).to.equal('completed');
    expect(second.record_digest)
      .to.equal(first.record_digest)
      .and.to.match(/^[0-9a-f]{64}$/);
    const bytes = await Promise.all(homes.map(({ dataDir }) => readBlob(dataDir, first.record_digest)));
    expect(at(bytes, 0).equals(at(bytes, 1))).to.equal(true);
    // What an unconfirmed score counts as depends on the cuts, which are each log's own chance.
    expect(second.score?.bits_per_byte).to.equal(first.score?.bits_per_byte);
  });

  it('covers the whole stream and charges for what it measured', async () => {
    const { totals, streamBytes } = await readRecord(at(homes, 0).dataDir, at(narrow, 0).record_digest);
    expect(streamBytes).to.be.within(16_381, 16_384);
    expect(at(narrow, 0).covered_bytes).to.equal(totals.coveredBytes);
    const uncovered = streamBytes - totals.coveredBytes;
    const bits = totals.microNats / 1e6 / Math.LN2 + 8 * uncovered;
    expect(at(narrow, 0).score?.bits_per_byte).to.be.closeTo(bits / streamBytes, 1e-12);
  });

  it('gives another record for another width', async () => {
    const wide = await measure(at(running, 1), 24, 'miner-1');
    const [one, other] = [at(narrow, 1), wide];
    expect(wide.record_digest)
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.to.equal(one.record_digest);
    const { dataDir } = at(homes, 1);
    const records = [await readRecord(dataDir, one.record_digest), await readRecord(dataDir, other.record_digest)];
    expect(at(records, 1).totals.microNats).not.to.equal(at(records, 0).totals.microNats);
  });
});
