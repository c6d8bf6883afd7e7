import { expect } from 'chai';
import { InstantiationUnavailableError } from '../../domain/ports/instantiator.ts';
import { type InstantiationFacts, instantiatedBy } from '../../executor/instantiation-end.ts';
import { parseReport } from '../../executor/instantiation-lines.ts';
import type { Exit } from '../../executor/outcome.ts';
import { report, reportLine } from './instantiation-examples.ts';

const exited = (exitCode: number, oomKilled = false): Exit => ({ kind: 'exited', exitCode, oomKilled });
const unknown = { limitBytes: 2 ** 30, peakBytes: null, hostOomKills: null };
const atLimit = { limitBytes: 2 ** 30, peakBytes: 2 ** 30 - 4_096, hostOomKills: 1 };
const farFromLimit = { ...atLimit, peakBytes: 2 ** 29 };
const well: InstantiationFacts = {
  ...{ kill: null, isReady: true, exit: exited(0), report: reportLine(), tail: '', memory: unknown },
};

describe('The end of a look at a model', () => {
  const theirs: readonly (readonly [string, Partial<InstantiationFacts>, string])[] = [
    ['a report, whatever the exit code', { exit: exited(1) }, 'reported'],
    ['a report beside a child that was out of memory', { exit: exited(0, true) }, 'reported'],
    ['a kill for its output, whatever it reported', { kill: 'output' }, 'flooded'],
    ['a kill when its time was long over', { kill: 'timeout', exit: exited(137) }, 'timeUp'],
    ['the kernel’s limit on CPU time', { exit: exited(152), report: null }, 'timeUp'],
    ['the kernel’s limit on memory', { exit: exited(137, true), report: null }, 'outOfMemory'],
    ['a kill at that limit', { exit: exited(137, true), report: null, memory: atLimit }, 'outOfMemory'],
    ['a kill that nobody else can have sent', { exit: exited(137), report: null }, 'died'],
    [
      'a kill while the host killed nobody',
      { exit: exited(137), report: null, memory: { ...farFromLimit, hostOomKills: 0 } },
      'died',
    ],
    ['an end of its own while the host killed others', { exit: exited(1), report: null, memory: farFromLimit }, 'died'],
    ['a report while the host killed others', { exit: exited(137), memory: farFromLimit }, 'reported'],
    ['the exit code of containers that an engine finds dead', { exit: exited(255), report: null }, 'died'],
    ['an end without a word', { report: null }, 'died'],
    ['a report that nobody can read', { report: '{"parameters": 1}' }, 'died'],
  ];
  for (const [what, facts, kind] of theirs) {
    it(`is ${kind} after ${what}`, () => {
      expect(instantiatedBy({ ...well, ...facts }).kind).to.equal(kind);
    });
  }

  const ours: readonly (readonly [string, Partial<InstantiationFacts>])[] = [
    ['ended before it was ready, even out of memory', { isReady: false, exit: exited(137, true) }],
    ['was not ready in time', { isReady: false, kill: 'notReady', exit: exited(137) }],
    ['was never started', { isReady: false, exit: { kind: 'neverStarted' } }],
    ['was removed by somebody else', { exit: { kind: 'vanished' } }],
    ['was killed for memory far below its limit', { exit: exited(137, true), report: null, memory: farFromLimit }],
    ['was killed while the host ran out of memory', { exit: exited(137), report: null, memory: farFromLimit }],
  ];
  for (const [what, facts] of ours) {
    it(`is our fault where the container ${what}`, () => {
      expect(() => instantiatedBy({ ...well, ...facts })).to.throw(InstantiationUnavailableError);
    });
  }
});

describe('A report on a model', () => {
  it('is read member by member', () => {
    expect(parseReport(reportLine())).to.deep.equal(report);
  });

  const unreadable: readonly (readonly [string, string])[] = [
    ['is no JSON', 'Segmentation fault'],
    ['has another schema', reportLine({ schema: 'prism_instantiation.v2' })],
    ['says more than there is to say', reportLine({ passed: true })],
    ['counts less than nothing', reportLine({ parameters: -1 })],
    ['counts more than an integer can', reportLine({ parameters: 1e300 })],
    ['has a difference that is no number', reportLine().replace('"repeatMicroNats":0', '"repeatMicroNats":NaN')],
    ['writes a novel', reportLine({ failure: { kind: 'exception', where: null, message: 'x'.repeat(10_000) } })],
  ];
  for (const [what, line] of unreadable) {
    it(`that ${what} is none`, () => {
      expect(parseReport(line)).to.equal(null);
    });
  }
});
