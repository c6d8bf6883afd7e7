import { expect } from 'chai';
import { events } from '../../cli/commands/events.ts';
import { showHold } from '../../cli/commands/holds.ts';
import { status } from '../../cli/commands/status.ts';
import { consoleOutput, table } from '../../cli/output.ts';
import { describeReport, type ScoreReport } from '../../cli/score-report.ts';
import type { ServiceClient } from '../../cli/service-client.ts';
import { jsonText } from '../../cli/terminal-text.ts';

/** Sets the clipboard, clears the screen, by C0 and by C1, goes back in the line, turns its direction, ends it. */
const hostile =
  'a\u001b]52;c;cHdu\u0007 \u001b[2J \u009b2J \u0000\u0008\u007f b\rc \u202etxt.exe\u2066 \u200b\u00ad\u{e0041} \u2028\u2029 \ud800';
const obeyed = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/u;

/** An output over streams that keep what they are given. */
function streams(isJson = false) {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) => ({
    write(text: string) {
      written[name] += text;
    },
  });
  return { written, output: consoleOutput(isJson, { stdout: into('stdout'), stderr: into('stderr') }) };
}

/** A service that answers everything with one body. */
function answering(body: object): ServiceClient {
  return { get: async (_, schema) => schema.parse(body), post: async (_, schema) => schema.parse(body) };
}

const submission = {
  ...{ id: 'x', hotkey: 'alice', epoch_id: 7, status: 'failed', code_hash: 'c', created_at: 'now', final_score: null },
  ...{ error: hostile, reason: { code: 'submissionFault', message: hostile } },
};
const hold = {
  ...{ id: 'h', submission_id: 'x', source: 'llm', reason: 'r', state: 'open', held_at: 'now', expires_at: 'then' },
  ...{ operator: null, decision_reason: null, ended_at: null, shares_sources_with: [], reviews: [] },
  ...{ comparisons: [], named_by: [] },
  submission: { hotkey: hostile, status: 'held' },
  transcript: {
    exchanges: [
      {
        ...{ pass: 'whole', part: 1, of: 1, replies: [hostile] },
        opinion: { kind: 'doubtful', doubt: 'unparseable', detail: `calls nothing (${hostile})` },
      },
    ],
  },
};
const report: ScoreReport = {
  ...{ verdict: 'failed', score: null, throughput: null, production: null },
  reason: { code: 'submissionFault', message: hostile, where: hostile },
  findings: [
    { rule: 'r', path: 'p.py', line: 1, column: 1, node: null, excerptHash: null, explanation: `torch.hub.${hostile}` },
  ],
};

describe('What a terminal is given', () => {
  const commands = {
    status: (output: ReturnType<typeof consoleOutput>) => status(answering(submission), 'x', output),
    events: (output: ReturnType<typeof consoleOutput>) =>
      events(
        answering({ events: [{ type: 'AttemptFailed', recorded_at: 'now', data: { message: hostile.slice(0, 40) } }] }),
        'x',
        output,
      ),
    'holds show': (output: ReturnType<typeof consoleOutput>) => showHold(answering(hold), 'h', output),
    score: async (output: ReturnType<typeof consoleOutput>) => output.result(report, () => describeReport(report)),
  };
  for (const [name, command] of Object.entries(commands)) {
    it(`by ${name} obeys nothing of what others wrote, as text or as JSON`, async () => {
      for (const isJson of [false, true]) {
        const { written, output } = streams(isJson);
        await command(output);
        expect(written.stdout).to.contain('52;c;').and.not.match(obeyed);
      }
    });
  }

  it('has no line that others began where a line is one thing', async () => {
    const forged = 'boom\r\n\ncompleted: 0.5 bits per byte';
    const { written, output } = streams();
    await status(answering({ ...submission, reason: { code: 'submissionFault', message: forged } }), 'x', output);
    await events(
      answering({ events: [{ type: 'AttemptFailed', recorded_at: 'now', data: { message: forged } }] }),
      'x',
      output,
    );
    output.result({}, () => table(['reason'], [[forged]]));
    expect(written.stdout.split('\n')).to.deep.equal([
      'x  alice',
      'failed: submissionFault: boom ⏎ completed: 0.5 bits per byte',
      'now  AttemptFailed  message=boom ⏎ completed: 0.5 bits per byte',
      'reason',
      'boom ⏎ completed: 0.5 bits per byte',
      '',
    ]);
  });

  it('has what others wrote on several lines below its heading', async () => {
    const lines = describeReport({
      ...report,
      ...{ reason: { code: 'submissionFault', message: 'boom\nverdict        completed', where: null }, findings: [] },
    });
    expect(lines.split('\n')).to.deep.equal([
      'verdict        failed',
      'reason         submissionFault: boom',
      '               verdict        completed',
    ]);
  });

  it('of a note is the same text with what it would obey made visible', () => {
    const { written, output } = streams();
    output.note('the end of what it printed:\r\n\tstep 1\rstep 2 \u001b[31mred\u001b[0m größer 漢字 🙂\n');
    expect(written).to.deep.equal({
      stdout: '',
      stderr: 'the end of what it printed:\n\tstep 1\ufffdstep 2 \ufffd[31mred\ufffd[0m größer 漢字 🙂\n\n',
    });
  });

  it('as JSON is the same data', () => {
    const value = { [hostile]: [hostile, '\n\t"\\'] };
    for (const indent of [0, 2]) expect(JSON.parse(jsonText(value, indent))).to.deep.equal(value);
    expect(jsonText(value)).not.to.match(obeyed);
    expect(jsonText(value, 2)).not.to.match(obeyed);
  });
});
