import { expect } from 'chai';
import { honest, peeking } from '../../bench/power/contestants.ts';
import { examine } from '../../domain/integrity/examination.ts';
import { type ManifestFacts, measure } from '../../domain/integrity/measure.ts';
import type { RunCuts, RunRecord } from '../../domain/integrity/record.ts';
import type { EarlierAttempt } from '../../domain/integrity/retry.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { HeldOutMeasurement } from '../../domain/scoring/held-out.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { decide } from '../../domain/submission/decide.ts';
import type { SubmissionEvent } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { type AttemptFiles, type PlacedCommitments, replay } from '../../domain/submission/replay.ts';
import { initialState, type SubmissionState } from '../../domain/submission/state.ts';
import { givenSubmission } from './given-when-then.ts';
import { attempt, bounds, populationOf, rerunDensity, runDensity } from './integrity/simulated.ts';
import {
  activePolicy,
  blob,
  completedOutcome,
  concludeWith,
  heldOutMeasurement,
  measuredOnBothSides,
  ourFault,
  recordOutcome,
  requestRun,
  startAttempt,
  waiting,
} from './submission-examples.ts';

const facts: ManifestFacts = { xzBytes: 900, parameters: 7, stoppedByClock: false, deterministic: true, seconds: 12.5 };
const demo = populationOf('B 16, T 64');
type Earlier = readonly EarlierAttempt[];
type Documents = { readonly record: RunRecord; readonly cuts: RunCuts };

/** A submission that was run, published, and run again, with real numbers all the way: history and files. */
function lived(run: Documents, rerun: Documents, before: readonly SubmissionCommand[] = [], earlier: Earlier = []) {
  const files = new Map<string, AttemptFiles>();
  const outcomeOf = ({ record, cuts }: Documents, name: string, rerunOf: RunRecord | null) => {
    files.set(blob(name).sha256, { record, cuts, facts });
    const examination = examine(record, cuts, bounds, rerunOf);
    return { ...completedOutcome, record: blob(name), measurement: measure(record, facts), examination };
  };
  const attempted = before.length > 0 ? 2 : 1;
  const commands: readonly SubmissionCommand[] = [
    ...before,
    startAttempt('score', attempted),
    recordOutcome('score', attempted, { ...outcomeOf(run, '1', null), earlierAttempts: earlier }),
    concludeWith({}),
    requestRun('rerun', 'rerun'),
    startAttempt('rerun', 1),
    recordOutcome('rerun', 1, outcomeOf(rerun, '2', run.record)),
  ];
  const history: SubmissionEvent[] = [...waiting];
  let state: SubmissionState = history.reduce(evolve, initialState);
  for (const command of commands) {
    const events = decide(state, command);
    if (isRejection(events)) return expect.fail(`${command.kind}: ${events.detail}`);
    history.push(...events);
    state = events.reduce(evolve, state);
  }
  return { history, files };
}

const run = attempt(demo, honest, runDensity, 1, false);
const rerun = attempt(demo, honest, rerunDensity, 2, false);
const source = (files: ReadonlyMap<string, AttemptFiles>, committed: PlacedCommitments | null = null) => ({
  committedIn: async () => committed,
  filesOf: async ({ record }: { readonly record: { readonly sha256: string } }) =>
    files.get(record.sha256) ?? expect.fail('no such record'),
  heldOutOf: async () => expect.fail('nothing was held out'),
  policyOf: async () => activePolicy(),
});

describe('A replay', () => {
  it('computes measurements, examinations and scores anew from integers, to the last bit', async () => {
    const { history, files } = lived(run, rerun);
    const stored = new Map(
      [...files].map(([digest, file]): [string, AttemptFiles] => [digest, JSON.parse(JSON.stringify(file))]),
    );
    const replayed = await replay(JSON.parse(JSON.stringify(history)), source(stored));
    expect(replayed.map(({ what, isEqual }) => [what, isEqual])).to.deep.equal([
      ['measurement', true],
      ['examination', true],
      ['score', true],
      ['measurement', true],
      ['examination', true],
      ['score', true],
    ]);
    const [, , published, , , corrected] = replayed.map(({ stated }) => stated);
    expect(published).to.include({ confirmation: 'unconfirmed' });
    expect(corrected).to.include({ confirmation: 'confirmed' });
  });

  it('holds a held-out measure against its stored result, and the score against both', async () => {
    const history = [...measuredOnBothSides, ...givenSubmission(...measuredOnBothSides).when(concludeWith({})).events];
    const unexamined = history.map((event): SubmissionEvent => {
      if (event.type !== 'AttemptCompleted') return event;
      return { ...event, data: { ...event.data, cuts: null } };
    });
    const stored = {
      ...source(new Map()),
      heldOutOf: async ({ measurement }: { measurement: HeldOutMeasurement }) => measurement,
    };
    const replayed = await replay(unexamined, stored);
    expect(replayed.map(({ what, isEqual }) => [what, isEqual])).to.deep.equal([
      ['heldOut', true],
      ['heldOut', true],
      ['score', true],
    ]);
    const other = { ...stored, heldOutOf: async () => heldOutMeasurement('train') };
    expect((await replay(unexamined, other)).map(({ isEqual }) => isEqual)).to.deep.equal([false, true, true]);
  });

  it('compares no examination that an earlier version of the tests has come to, but all that follows from it', async () => {
    const { history, files } = lived(run, rerun);
    const old = history.map((event): SubmissionEvent => {
      if (event.type !== 'AttemptCompleted' || event.data.examination === null) return event;
      return { ...event, data: { ...event.data, examination: { ...event.data.examination, version: 1, frames: 1 } } };
    });
    expect((await replay(old, source(files))).map(({ what, isEqual }) => [what, isEqual])).to.deep.equal([
      ...[
        ['measurement', true],
        ['examination', null],
        ['score', true],
      ],
      ...[
        ['measurement', true],
        ['examination', null],
        ['score', true],
      ],
    ]);
  });

  it('sees one microNat', async () => {
    const { history, files } = lived(run, rerun);
    const [digest] = files.keys();
    const forged = new Map(files);
    const [first, ...others] = run.record.batches;
    if (first === undefined || digest === undefined) return expect.fail('an empty example');
    const batches = [{ ...first, microNats: first.microNats - 1 }, ...others];
    forged.set(digest, { ...run, record: { ...run.record, batches }, facts });
    const differing = (await replay(history, source(forged))).filter(({ isEqual }) => !isEqual);
    expect(differing.map(({ what }) => what)).to.include.members(['measurement', 'examination']);
  });

  it('sees a score that its own measurements don’t make', async () => {
    const { history, files } = lived(run, rerun);
    const forged = history.map((event): SubmissionEvent => {
      if (event.type !== 'ScoreComputed') return event;
      const score = { ...event.data.score, countedBpb: event.data.score.bitsPerByte };
      return { ...event, data: { ...event.data, score } };
    });
    const differing = (await replay(forged, source(files))).filter(({ isEqual }) => !isEqual);
    expect(differing.map(({ what }) => what)).to.deep.equal(['score']);
  });

  it('holds an aborted attempt against the one that follows, on the same platform', async () => {
    const ours = { ...ourFault, commitments: blob('3') };
    const before = [startAttempt('score', 1), recordOutcome('score', 1, ours)];
    const earlier = [{ attempt: 1, groupsCompared: 1, groupsEqual: 0, firstDifferingGroup: 0 }];
    const { history, files } = lived(run, rerun, before, earlier);
    const committed = { platform: completedOutcome.platform, logits: ['f'.repeat(64), 'e'.repeat(64)] };
    const replayed = await replay(history, source(files, committed));
    expect(replayed.map(({ what, isEqual }) => [what, isEqual]).slice(0, 4)).to.deep.equal([
      ['measurement', true],
      ['examination', true],
      ['earlierAttempts', true],
      ['score', true],
    ]);
    const [, , , published] = replayed.map(({ stated }) => stated);
    expect(published).to.include({ confirmation: 'nonReproducible' });
    const elsewhere = await replay(history, source(files, { ...committed, platform: 'e'.repeat(64) }));
    expect(elsewhere.filter(({ isEqual }) => !isEqual).map(({ what }) => what)).to.deep.equal(['earlierAttempts']);
  });

  it('comes to a hold where a rerun contradicts, as the history did', async () => {
    const cheat = peeking(0.05, 3);
    const { history, files } = lived(
      attempt(demo, cheat, runDensity, 1, true),
      attempt(demo, cheat, rerunDensity, 2, false),
    );
    expect(history.at(-1)?.type).to.equal('SubmissionHeld');
    expect((await replay(history, source(files))).every(({ isEqual }) => isEqual)).to.equal(true);
  });
});
