import { CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { UnfitEngineError } from '../executor/engine-facts.ts';
import { UnfitSlotPlanError } from '../executor/slot-plan.ts';
import { UnsupportedStorageError } from '../storage/storage-url.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import type { Output } from './output.ts';

/** What an operator has to mend rather than we. */
function isOperators(error: unknown): error is Error {
  return [ConfigError, LogUnavailableError, UnfitEngineError, UnfitSlotPlanError, UnsupportedStorageError].some(
    (kind) => error instanceof kind,
  );
}

/** Tells what ended a command, and returns its exit code. */
export function reportError(error: unknown, output: Output): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof LogUnavailableError && (error.reason === 'unreachable' || error.reason === 'accessDenied')) {
    output.note(`prism: ${error.message} (${error.cause instanceof Error ? error.cause.message : error.code})`);
    return exitCodes.unreachable;
  }
  if (error instanceof CommandError || isOperators(error)) {
    const exitCode = error instanceof CommandError ? error.exitCode : exitCodes.usage;
    const detail = error instanceof CommandError ? error.detail : null;
    if (output.isJson) output.result({ error: error.message, ...detail }, () => error.message);
    else output.note(`prism: ${error.message}`);
    return exitCode;
  }
  output.note(`prism: a fault of ours: ${error instanceof Error ? error.stack : String(error)}`);
  for (let cause = error instanceof Error ? error.cause : undefined; cause !== undefined; ) {
    output.note(`  caused by: ${cause instanceof Error ? cause.stack : String(cause)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return exitCodes.fault;
}
