import { expect } from 'chai';
import { describeGates, gateTimes } from '../../cli/gate-times.ts';
import type { ServiceClient } from '../../cli/service-client.ts';

const at = (milliseconds: number) => new Date(Date.UTC(2026, 0, 1) + milliseconds).toISOString();
const finding = { rule: 'prism:no-filesystem', path: 'training.py', line: 22, explanation: 'no files' };

function timeline(...events: readonly (readonly [type: string, milliseconds: number, data: object])[]): ServiceClient {
  const page = events.map(([type, milliseconds, data], revision) => ({
    ...{ revision, position: revision, id: `e${revision}`, type, recorded_at: at(milliseconds), data },
  }));
  return {
    get: async (_path, schema) => schema.parse({ events: page, next_cursor: null }),
    post: () => Promise.reject(new Error('nothing is posted')),
  };
}

describe('What the gates of a submission came to, and when', () => {
  it('is read from its timeline: a verdict each, from the verdict before', async () => {
    const gates = await gateTimes(
      timeline(
        ['SubmissionReceived', 0, {}],
        ['ContractResolved', 40, {}],
        ['GateDeferred', 50, { gate: 'static' }],
        ['GatePassed', 75, { gate: 'static', findings: [] }],
        ['GateSkipped', 80, { gate: 'parameters' }],
        ['GateFailed', 90, { gate: 'distributed', findings: [finding] }],
        ['SubmissionRejected', 90, {}],
      ),
      's',
    );
    expect(gates).to.deep.equal([
      { gate: 'contract', verdict: 'passed', milliseconds: 40, findings: [] },
      { gate: 'static', verdict: 'passed', milliseconds: 35, findings: [] },
      { gate: 'parameters', verdict: 'skipped', milliseconds: 5, findings: [] },
      {
        ...{ gate: 'distributed', verdict: 'failed', milliseconds: 10 },
        findings: [{ rule: 'prism:no-filesystem', path: 'training.py', line: 22 }],
      },
    ]);
    expect(describeGates(gates)).to.equal(
      'contract passed 40 ms, static passed 35 ms, parameters skipped 5 ms, distributed failed 10 ms (prism:no-filesystem, training.py:22)',
    );
  });
});
