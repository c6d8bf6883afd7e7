import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/event.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { attacks } from './attacks.ts';
import { architecture, bundle, training } from './bundles.ts';
import { type LogWatch, watchLog } from './log-watch.ts';
import { measuredIn, readRecord } from './records.ts';
import { type ServiceHome, twoSlots } from './service-process.ts';
import { handIn, type Measured, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

/** The same weights whatever the bundle's own seed, so that an attacker and its honest twin have the same model. */
const model = architecture({ fixedSeed: 7 });
const twin = bundle({ architecture: model });

const harmless = ['forgedFiles', 'forgedLines', 'patchedLoss', 'rewrittenMemory', 'secondConnection'] as const;
const convicted = ['garbage', 'flood'] as const;

describeServices('with hostile submissions', (services) => {
  let home: ServiceHome;
  let log: LogWatch;
  let alone: Measured;
  let ended: ReadonlyMap<string, Measured>;

  const endOf = (name: string): Measured => {
    const found = ended.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const eventOf = ({ id }: Measured, types: readonly string[]): RecordedEvent => {
    const isIt = ({ envelope }: RecordedEvent) =>
      envelope.stream === submissionStream(id) && types.includes(envelope.type);
    const found = log.seen.find(isIt);
    if (found === undefined) throw new Error(`${id} has no ${types.join(' or ')}`);
    return found;
  };

  before('the honest twin alone, then everybody at once on two slots', async () => {
    home = await services.home();
    const { client } = await home.start(twoSlots);
    log = await watchLog(home.dataDir);
    alone = await settled(client, await handIn(client, twin, 'alone'));
    const [first, ...others] = [...convicted, ...harmless].map(
      (name) => [name, bundle({ architecture: model, training: training(attacks[name]) })] as const,
    );
    const handedIn: [string, string][] = [];
    for (const [name, archive] of [first ?? (['none', twin] as const), ['beside', twin] as const, ...others])
      handedIn.push([name, await handIn(client, archive, name)]);
    ended = new Map(await Promise.all(handedIn.map(async ([name, id]) => [name, await settled(client, id)] as const)));
    const isEnd = ({ envelope }: RecordedEvent) => /^Submission(Completed|Failed)$/.test(envelope.type);
    for (const [, id] of handedIn)
      await log.until((event) => isEnd(event) && event.envelope.stream === submissionStream(id));
  });
  after(() => log?.close());

  const titles: Readonly<Record<(typeof harmless)[number], string>> = {
    forgedFiles: 'writes results of its own wherever it can',
    forgedLines: "prints metrics and the referee's lines on everything that it inherited",
    patchedLoss: 'patches the loss and the arithmetic in its process',
    rewrittenMemory: 'cuts, grows and remaps the memory of the logits and rewrites it once they are taken',
    secondConnection: 'looks for a second connection',
  };
  for (const name of harmless) {
    it(`measures what the model earns without the attack of one that ${titles[name]}`, async () => {
      const attacker = endOf(name);
      expect(attacker.reason).to.equal(null);
      expect(attacker.status).to.equal('completed');
      expect(attacker.score?.bits_per_byte).to.equal(alone.score?.bits_per_byte).and.to.be.a('number');
      const of = async ({ record_digest }: Measured) => measuredIn(await readRecord(home.dataDir, record_digest));
      expect(await of(attacker)).to.deep.equal(await of(alone));
      expect(attacker.record_digest).not.to.equal(alone.record_digest);
    });
  }

  for (const [name, said] of [
    ['garbage', 'over the bound'],
    ['flood', 'while a frame is to be answered'],
  ] as const) {
    it(`fails one that floods the channel with ${name === 'garbage' ? name : 'messages'} for breaking the contract`, () => {
      const { status, reason, attempts, score } = endOf(name);
      expect({ status, code: reason?.code, attempts, score }).to.deep.equal({
        ...{ status: 'failed', code: 'contract', attempts: 1, score: null },
      });
      expect(reason?.message).to.contain(said);
    });
  }

  it('takes none of it for a fault of its own', () => {
    expect(log.seen.filter(({ envelope }) => envelope.type === 'AttemptAborted')).to.deep.equal([]);
  });

  it('gives an honest bundle the same record beside attackers as alone', () => {
    const beside = endOf('beside');
    const ends = ['AttemptCompleted', 'AttemptFailed'];
    const [started, finished] = [eventOf(beside, ['AttemptStarted']), eventOf(beside, ends)];
    const overlapping = [...convicted, ...harmless].filter((name) => {
      const attacker = endOf(name);
      const [from, to] = [eventOf(attacker, ['AttemptStarted']), eventOf(attacker, ends)];
      return from.position < finished.position && started.position < to.position;
    });
    expect(overlapping).to.include('garbage');
    expect(eventOf(alone, ends).position).to.be.below(started.position);
    expect(beside.status).to.equal('completed');
    expect(beside.id).not.to.equal(alone.id);
    expect(beside.record_digest)
      .to.equal(alone.record_digest)
      .and.to.match(/^[0-9a-f]{64}$/);
  });
});
