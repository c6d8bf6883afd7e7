import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/event.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import type { Labelled } from '../../executor/container-engine.ts';
import { beginningsOf, correlated } from '../domain/causes.ts';
import { architecture, bundle, training } from './bundles.ts';
import { isOf, type LogWatch, watchLog } from './log-watch.ts';
import { type ServiceHome, type ServiceProcess, twoSlots } from './service-process.ts';
import { handIn, type Measured, settled, untilStanding } from './submissions.ts';
import { describeServices, inEngine } from './with-services.ts';

/** Resolves at the moment at which the service is to die. */
type Moment = (submissionId: string, service: ServiceProcess, log: LogWatch) => Promise<unknown>;

const moments: Readonly<Record<string, Moment>> = {
  'its receipt has been answered': async () => {},
  'its contract is resolved': (id, _, log) => log.until(isOf(id, 'ContractResolved')),
  'its attempt has started': (id, _, log) => log.until(isOf(id, 'AttemptStarted')),
  'a part of its stream is consumed': (id, { client }) =>
    untilStanding(client, id, ({ progress }) => progress !== null && progress.covered > 0.1 && progress.covered < 0.9),
  'its outcome is recorded': (id, _, log) => log.until(isOf(id, 'AttemptCompleted')),
};

/** Honest work that takes a few seconds: its stream is still being consumed when the kill comes. */
const slow = training({ inLoop: 'for _ in range(8):\n    model(batch.tokens).sum().backward()' });

describeServices('that is killed five times, each time at another moment of a submission', (services) => {
  let home: ServiceHome;
  let log: LogWatch;
  const ids: string[] = [];
  /** What was in a submission's stream when the service was dead, and what was in the engine. */
  const atDeath = new Map<string, { readonly types: readonly string[]; readonly containers: readonly Labelled[] }>();
  let submissions: readonly Measured[];
  let left: Awaited<ReturnType<typeof inEngine>>;

  const eventsOf = (id: string): readonly RecordedEvent[] =>
    log.seen.filter(({ envelope }) => envelope.stream === submissionStream(id));
  const count = (type: string, events: readonly RecordedEvent[]) =>
    events.filter(({ envelope }) => envelope.type === type).length;

  before('five lives, and a sixth to the end', async function () {
    this.timeout(400_000);
    home = await services.home();
    for (const [index, moment] of Object.values(moments).entries()) {
      const service = await home.start(twoSlots);
      log ??= await watchLog(home.dataDir);
      const archive = bundle({ architecture: architecture({ width: 16 + index }), training: slow });
      const id = await handIn(service.client, archive, `miner-${index}`);
      ids.push(id);
      await moment(id, service, log);
      await service.kill();
      const { containers } = await inEngine(services.engine(), home.dataDir);
      atDeath.set(id, { types: eventsOf(id).map(({ envelope }) => envelope.type), containers });
    }
    const last = await home.start(twoSlots);
    submissions = await Promise.all(ids.map((id) => settled(last.client, id)));
    for (const grant of log.seen.filter(({ envelope }) => envelope.type === 'LeaseGranted')) {
      const { stream, data } = grant.envelope;
      await log.until(
        ({ envelope }) =>
          envelope.type === 'LeaseReleased' &&
          envelope.stream === stream &&
          envelope.data.fencingToken === data.fencingToken,
      );
    }
    left = await inEngine(services.engine(), home.dataDir);
  });
  after(() => log?.close());

  it('finished all five', () => {
    expect(submissions.map(({ status }) => status)).to.deep.equal(ids.map(() => 'completed'));
    expect(new Set(submissions.map(({ record_digest }) => record_digest))).to.have.lengthOf(5);
  });

  it('died while containers of an attempt that had no outcome yet were running', () => {
    const { types, containers } = atDeath.get(ids[3] ?? '') ?? { types: [], containers: [] };
    expect(types).to.include('AttemptStarted').and.not.to.include('AttemptCompleted');
    const roles = containers.filter(({ labels }) => labels['prism.submission'] === ids[3]);
    expect(roles.map(({ labels }) => labels['prism.role']).toSorted()).to.deep.equal(['contestant', 'referee']);
    expect(atDeath.get(ids[2] ?? '')?.types)
      .to.include('AttemptStarted')
      .and.not.to.include('AttemptCompleted');
    expect(atDeath.get(ids[4] ?? '')?.types).to.include('AttemptCompleted');
  });

  it('scored each of them once, in one attempt', () => {
    for (const id of ids) {
      const events = eventsOf(id);
      for (const type of ['SubmissionReceived', 'ContractResolved', 'RunRequested', 'AttemptStarted'])
        expect(count(type, events), type).to.equal(1);
      for (const type of ['AttemptCompleted', 'RunConcluded', 'ScoreComputed', 'SubmissionCompleted'])
        expect(count(type, events), type).to.equal(1);
      expect(count('AttemptAborted', events)).to.equal(0);
      const granted = log.seen.filter(({ envelope }) => envelope.data.submissionId === id);
      expect(count('LeaseGranted', granted)).to.equal(1);
    }
  });

  it('left a log without gaps and without an event twice', () => {
    expect(log.seen.map(({ position }) => position)).to.deep.equal(log.seen.map((_, index) => index + 1));
    expect(new Set(log.seen.map(({ envelope }) => envelope.id))).to.have.lengthOf(log.seen.length);
  });

  it('can tell of every event which receipt it goes back to', () => {
    for (const id of ids) {
      const [receipt] = eventsOf(id);
      expect(beginningsOf(correlated(log.seen, id))).to.deep.equal([receipt?.envelope.causationId]);
    }
  });

  it('left no container and no volume of an attempt', () => {
    expect(left.containers.filter(({ labels }) => labels['prism.role'] !== 'inspector')).to.deep.equal([]);
    expect(left.volumes).to.deep.equal([]);
  });
});
