/** Exit codes of `prism`; documented in docs/cli.md and stable. */
export const exitCodes = {
  ok: 0,
  /** The command worked and its answer is no: a submission was rejected, failed or is held, a check found something. */
  negative: 1,
  /** The command line, a file or the environment is wrong. */
  usage: 2,
  /** The service can't be reached. */
  unreachable: 3,
  /** The service refused: its problem document is shown. */
  refused: 4,
  /** A fault of ours. */
  fault: 70,
  /** Stopped by a signal before it was done. */
  interrupted: 130,
} as const;

const meanings = [
  [exitCodes.ok, 'done'],
  [exitCodes.negative, 'the answer is no: rejected, failed, held; something is missing, poisoned or different'],
  [exitCodes.usage, 'wrong usage or configuration, an unreadable file'],
  [exitCodes.unreachable, "the service, or its log in a cluster, can't be reached"],
  [exitCodes.refused, 'the service refused; its problem document is shown'],
  [exitCodes.fault, 'a fault of ours'],
  [exitCodes.interrupted, 'interrupted'],
] as const;

/** What `prism --help` says of them, one a line. */
export const exitCodeHelp = [
  'Exit codes:',
  ...meanings.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`),
].join('\n');

/** Ends a command with a message for people and an exit code for programs. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  readonly detail: object | null;
  constructor(exitCode: number, message: string, detail: object | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.detail = detail;
  }
}
