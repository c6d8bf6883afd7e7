import { expect } from 'chai';
import { classify, type Exit, type Facts, type ManifestReading, type Verdict } from '../../executor/outcome.ts';

const well: Exit = { kind: 'exited', exitCode: 0, oomKilled: false };
const exited = (exitCode: number, oomKilled = false): Exit => ({ kind: 'exited', exitCode, oomKilled });
const lost: ManifestReading = { kind: 'lost', phase: 'training', message: 'the channel closed' };
const failed = (verdict: 'contract' | 'exception' | 'nan' | 'timeout' | 'parameterCap'): ManifestReading => ({
  kind: 'failed',
  verdict,
  where: 'training.py:7',
  message: 'it says so',
});

/** Everything went well, and the kernel's counters were read. */
const good: Facts = {
  intent: null,
  referee: well,
  contestant: well,
  manifest: { kind: 'completed' },
  connected: true,
  oomKills: 0,
  pidsRefusals: 0,
  wasStarved: false,
  engineInterrupted: false,
  previousRefereeDeaths: 0,
  hasPolicyMemory: true,
};

type Expected = 'completed' | `${Exclude<Verdict['kind'], 'completed'>} ${string}`;

function briefly(verdict: Verdict): string {
  if (verdict.kind === 'completed') return 'completed';
  return `${verdict.kind} ${verdict.kind === 'infrastructureFault' ? verdict.reason : verdict.verdict}`;
}

const rows: readonly (readonly [sentence: string, facts: Partial<Facts>, expected: Expected])[] = [
  ['a completed manifest is a completed run', {}, 'completed'],
  ['a completed run stands whatever the contestant did afterwards', { contestant: exited(1) }, 'completed'],
  [
    'a child out of memory in a run that ended well is no fault',
    { contestant: exited(0, true), oomKills: 1 },
    'completed',
  ],
  [
    'a contestant that had to be killed after a completed run is no fault',
    { intent: 'contestantOutlived', contestant: exited(137) },
    'completed',
  ],

  [
    'our output kill comes before everything that follows from it',
    { intent: 'output', contestant: exited(137), manifest: lost },
    'limitExceeded output',
  ],
  ['a flood is a breach even where the run was completed', { intent: 'output' }, 'limitExceeded output'],
  [
    'a flood stays theirs where the referee is gone too',
    { intent: 'output', referee: { kind: 'vanished' }, manifest: { kind: 'none' } },
    'limitExceeded output',
  ],
  [
    'the outer time limit is a limit of theirs',
    { intent: 'timeout', contestant: exited(137), manifest: lost },
    'limitExceeded timeout',
  ],
  [
    'a fork bomb that goes on until our timeout kill wanted too many processes',
    { intent: 'timeout', contestant: exited(137), manifest: lost, pidsRefusals: 40_000 },
    'limitExceeded pids',
  ],
  [
    'a fork bomb in a frame wanted too many processes, however long it was kept waiting',
    { intent: 'starved', contestant: exited(137), manifest: lost, pidsRefusals: 40_000, wasStarved: true },
    'limitExceeded pids',
  ],
  [
    'a fork bomb that the referee gave up waiting for wanted too many processes, on a loaded host too',
    { manifest: failed('timeout'), contestant: exited(1), pidsRefusals: 40_000, wasStarved: true },
    'limitExceeded pids',
  ],
  [
    'a frame that took more CPU time than it may is a limit of theirs',
    { intent: 'frameCpu', contestant: exited(137), manifest: lost, wasStarved: true },
    'limitExceeded timeout',
  ],
  [
    'a frame that was left waiting is a limit of theirs',
    { intent: 'frameWall', contestant: exited(137), manifest: lost },
    'limitExceeded timeout',
  ],
  [
    'a limit of the clock that others made it reach is ours',
    { intent: 'starved', contestant: exited(137), manifest: lost },
    'infrastructureFault hostOverloaded',
  ],
  ['a run that finished while it was starved counts', { intent: 'starved', contestant: exited(137) }, 'completed'],
  [
    "the referee's timeout is ours where others had the contestant's core",
    { manifest: failed('timeout'), contestant: exited(1), wasStarved: true },
    'infrastructureFault hostOverloaded',
  ],
  [
    "the referee's timeout is theirs where nobody can tell",
    { manifest: failed('timeout'), contestant: exited(1), wasStarved: null },
    'limitExceeded timeout',
  ],
  ['a run that finished before our timeout kill counts', { intent: 'timeout', contestant: exited(137) }, 'completed'],
  [
    'a timeout with a referee that did not end either is ours',
    { intent: 'timeout', referee: exited(137), manifest: { kind: 'none' } },
    'infrastructureFault refereeHung',
  ],
  [
    'a lease that ended early is ours',
    { intent: 'leaseEnded', contestant: exited(137), manifest: lost },
    'infrastructureFault leaseEnded',
  ],
  [
    'a referee that floods is ours',
    { intent: 'refereeOutput', referee: exited(137) },
    'infrastructureFault refereeOutput',
  ],
  [
    'a referee that does not end after its contestant is ours',
    { intent: 'refereeHung', referee: exited(137), connected: true },
    'infrastructureFault refereeHung',
  ],
  [
    'a contestant that was removed before it reached the referee is ours',
    { intent: 'refereeHung', connected: false, contestant: { kind: 'vanished' } },
    'infrastructureFault containerVanished',
  ],
  [
    'a contestant that never reached the referee is ours',
    { intent: 'refereeHung', connected: false, contestant: exited(1) },
    'infrastructureFault contestantNeverConnected',
  ],
  [
    'after a restart of ours a hung referee is just that',
    { intent: 'refereeHung', connected: null },
    'infrastructureFault refereeHung',
  ],

  [
    'a vanished referee is ours',
    { referee: { kind: 'vanished' }, manifest: { kind: 'none' } },
    'infrastructureFault containerVanished',
  ],
  [
    'a referee that never started is ours',
    { referee: { kind: 'neverStarted' }, manifest: { kind: 'none' } },
    'infrastructureFault refereeNeverStarted',
  ],
  [
    '255 of the referee is an engine restart',
    { referee: exited(255), contestant: exited(255), manifest: { kind: 'none' } },
    'infrastructureFault engineRestarted',
  ],
  [
    'a referee that fails before its contestant starts is ours',
    { referee: exited(1), contestant: { kind: 'neverStarted' }, previousRefereeDeaths: 1 },
    'infrastructureFault refereeFailed',
  ],
  [
    'a referee that dies is our fault once',
    { referee: exited(135), manifest: { kind: 'none' } },
    'infrastructureFault refereeLost',
  ],
  [
    'a referee that dies again is theirs',
    { referee: exited(135), manifest: { kind: 'none' }, previousRefereeDeaths: 1 },
    'submissionFault contract',
  ],
  [
    'a referee out of memory is our fault once',
    { referee: exited(137, true), manifest: { kind: 'none' } },
    'infrastructureFault refereeLost',
  ],
  ['a non-zero referee with a manifest is not believed', { referee: exited(1) }, 'infrastructureFault refereeLost'],

  ['no manifest after a good end is ours', { manifest: { kind: 'none' } }, 'infrastructureFault manifestMissing'],
  [
    'an invalid manifest is ours',
    { manifest: { kind: 'invalid', problem: 'sums' } },
    'infrastructureFault manifestInvalid',
  ],
  [
    "the referee's own fault is ours",
    { manifest: { kind: 'fault', message: 'a shard' } },
    'infrastructureFault refereeFault',
  ],
  [
    'a fault stays ours where the contestant died too',
    { manifest: { kind: 'fault', message: 'x' }, contestant: exited(137, true), oomKills: 1 },
    'infrastructureFault refereeFault',
  ],

  ['a contract failure is theirs', { manifest: failed('contract'), contestant: exited(1) }, 'submissionFault contract'],
  ['an exception is theirs', { manifest: failed('exception'), contestant: exited(1) }, 'submissionFault exception'],
  ['nan is theirs', { manifest: failed('nan'), contestant: exited(1) }, 'submissionFault nan'],
  [
    'a fork bomb whose time the referee saw end wanted too many processes',
    { manifest: failed('timeout'), contestant: exited(137), intent: 'contestantOutlived', pidsRefusals: 40_000 },
    'limitExceeded pids',
  ],
  [
    "the referee's timeout is a limit",
    { manifest: failed('timeout'), contestant: exited(137), intent: 'contestantOutlived' },
    'limitExceeded timeout',
  ],
  [
    'the parameter cap is a limit',
    { manifest: failed('parameterCap'), contestant: exited(1) },
    'limitExceeded parameterCap',
  ],
  [
    'an exception that echoes an out-of-memory kill is memory',
    { manifest: failed('exception'), contestant: exited(1, true) },
    'limitExceeded memory',
  ],
  [
    'an exception that echoes a refused fork is pids',
    { manifest: failed('exception'), contestant: exited(1), pidsRefusals: 3 },
    'limitExceeded pids',
  ],
  [
    'a reported exception with exit 0 is no memory verdict',
    { manifest: failed('exception'), contestant: exited(0, true) },
    'submissionFault exception',
  ],
  [
    'a contract failure is not excused by a refused fork',
    { manifest: failed('contract'), contestant: exited(1), pidsRefusals: 3 },
    'submissionFault contract',
  ],

  [
    'a lost channel with OOMKilled is memory',
    { manifest: lost, contestant: exited(137, true) },
    'limitExceeded memory',
  ],
  [
    'a lost channel with the kernel counting a kill is memory',
    { manifest: lost, contestant: exited(1), oomKills: 1 },
    'limitExceeded memory',
  ],
  ['a lost channel counts even with exit 0', { manifest: lost, contestant: exited(0, true) }, 'limitExceeded memory'],
  [
    'memory in a slot below policy is ours',
    { manifest: lost, contestant: exited(137, true), hasPolicyMemory: false },
    'infrastructureFault slotMemory',
  ],
  [
    'memory explains more than a refused fork',
    { manifest: lost, contestant: exited(137, true), pidsRefusals: 9 },
    'limitExceeded memory',
  ],
  [
    'a lost channel after refused forks is pids',
    { manifest: lost, contestant: exited(1), pidsRefusals: 1 },
    'limitExceeded pids',
  ],
  [
    '137 without OOM and without our intent is theirs',
    { manifest: lost, contestant: exited(137) },
    'submissionFault exception',
  ],
  ['a segmentation fault is theirs', { manifest: lost, contestant: exited(139) }, 'submissionFault exception'],
  ['a plain exit code is theirs', { manifest: lost, contestant: exited(3) }, 'submissionFault exception'],
  ['exit 0 without a finish is a contract failure', { manifest: lost, contestant: well }, 'submissionFault contract'],
  [
    'a closed channel with a process that runs on is a contract failure',
    { manifest: lost, contestant: exited(137), intent: 'contestantOutlived' },
    'submissionFault contract',
  ],
  [
    '255 of the contestant after a broken engine connection is ours',
    { manifest: lost, contestant: exited(255), engineInterrupted: true },
    'infrastructureFault engineRestarted',
  ],
  [
    '255 of the contestant alone is its own exit code',
    { manifest: lost, contestant: exited(255) },
    'submissionFault exception',
  ],
  [
    'a vanished contestant is ours',
    { manifest: lost, contestant: { kind: 'vanished' } },
    'infrastructureFault containerVanished',
  ],
  [
    'a contestant that the engine did not start is ours',
    { manifest: lost, contestant: { kind: 'neverStarted' } },
    'infrastructureFault contestantNeverStarted',
  ],

  [
    'on an engine elsewhere OOMKilled alone decides',
    { manifest: lost, contestant: exited(137, true), oomKills: null, pidsRefusals: null },
    'limitExceeded memory',
  ],
  [
    'on an engine elsewhere a refused fork looks like an exception',
    { manifest: lost, contestant: exited(1), oomKills: null, pidsRefusals: null },
    'submissionFault exception',
  ],
];

describe('classify: whose fault an end was', () => {
  for (const [sentence, facts, expected] of rows) {
    it(sentence, () => {
      expect(briefly(classify({ ...good, ...facts }))).to.equal(expected);
    });
  }

  it("passes on where the contestant's code broke", () => {
    const verdict = classify({ ...good, manifest: failed('exception'), contestant: exited(1) });
    expect(verdict).to.include({ where: 'training.py:7', message: 'it says so' });
  });

  it('says that only its own code can have sent signal 9', () => {
    const verdict = classify({ ...good, manifest: lost, contestant: exited(137) });
    expect(verdict).to.have.property('message').that.includes('only its own code');
  });
});
