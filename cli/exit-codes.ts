/** Exit codes of `prism`; documented in docs/cli.md and stable. */
export const exitCodes = {
  ok: 0,
  /** The command worked and its answer is no: a submission was rejected or failed, a check found something. */
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
