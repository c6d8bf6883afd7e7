import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { CommanderError } from 'commander';
import { CommandError, exitCodeHelp, exitCodes } from '../../cli/exit-codes.ts';
import { consoleOutput } from '../../cli/output.ts';
import { reportError } from '../../cli/report-error.ts';

describe('Exit codes', () => {
  const codes = Object.values(exitCodes).map(String);
  const documented = [...readFileSync('docs/cli.md', 'utf8').matchAll(/^\| (\d+) +\| (.+?) +\|$/gm)];

  it('are all in the help and in docs/cli.md, in the same words', () => {
    const told = [...exitCodeHelp.matchAll(/^ {2}(\d+) +(.+)$/gm)];
    expect(told.map(([, code]) => code)).to.deep.equal(codes);
    expect(told.map(([, code, meaning]) => [code, meaning])).to.deep.equal(
      documented.map(([, code, meaning]) => [code, meaning]),
    );
    expect(exitCodeHelp)
      .to.match(/^ {2}1 .*\bheld\b/m)
      .and.match(/^ {2}130 +interrupted$/m);
  });

  it('tell a wrong command line, what somebody has to mend, and a fault of ours', () => {
    const told: string[] = [];
    const sink = { write: (text: string) => void told.push(text) };
    const codeOf = (error: unknown) => reportError(error, consoleOutput(false, { stdout: sink, stderr: sink }));
    expect(codeOf(new CommanderError(0, 'commander.help', ''))).to.equal(exitCodes.ok);
    expect(codeOf(new CommanderError(1, 'commander.unknownOption', ''))).to.equal(exitCodes.usage);
    expect(codeOf(new CommandError(exitCodes.interrupted, 'interrupted'))).to.equal(exitCodes.interrupted);
    expect(told.splice(0)).to.deep.equal(['prism: interrupted\n']);
    expect(codeOf(new Error('outer', { cause: new Error('inner') }))).to.equal(exitCodes.fault);
    expect(told.join('')).to.include('outer').and.include('caused by: Error: inner');
  });
});
