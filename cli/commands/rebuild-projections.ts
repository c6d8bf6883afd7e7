import { type Config, storageLocation } from '../../config.ts';
import { projections } from '../../projections/catalog.ts';
import type { RowDifference } from '../../projections/digest.ts';
import type { RebuildProgress } from '../../projections/rebuild.ts';
import type { TableVerification, Verification } from '../../projections/verify.ts';
import { type ProjectionTask, runProjectionTask, type TaskResult } from '../../service/projection-tasks.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { expectProjection, expectReadModels } from './projections.ts';

/** Builds new versions beside the live ones and swaps them in once they have caught up. Interrupted, it changes nothing. */
export async function rebuildProjections(config: Config, names: readonly string[], output: Output): Promise<number> {
  const chosen = chosenNames(names);
  const { result, events, seconds } = await perform(config, 'rebuild', chosen, output);
  if (result.kind === 'poisoned') {
    const { projection, poison } = result;
    output.result(
      { event: 'refused', projection, poison },
      () =>
        `nothing was swapped: ${projection} can't fold event ${poison.eventId} at position ${poison.position}: ${poison.error}`,
    );
    return exitCodes.negative;
  }
  output.result(
    { event: 'rebuilt', rebuilt: chosen, events, seconds },
    () => `rebuilt ${chosen.join(', ')} from ${events} events in ${seconds.toFixed(1)} s`,
  );
  return exitCodes.ok;
}

/** Compares the live versions with a fold of the log from zero to the same position. Changes nothing. */
export async function verifyProjections(config: Config, names: readonly string[], output: Output): Promise<number> {
  const { result } = await perform(config, 'verify', chosenNames(names), output);
  if (result.kind !== 'verified') throw new Error(`verifying gave ${result.kind}`);
  const { verifications } = result;
  const isEqual = verifications.every((verification) => verification.isEqual);
  output.result({ event: 'verified', isEqual, projections: verifications }, () =>
    verifications.map(describe).join('\n'),
  );
  return isEqual ? exitCodes.ok : exitCodes.negative;
}

function chosenNames(names: readonly string[]): readonly string[] {
  return (names.length === 0 ? projections : names.map(expectProjection)).map(({ name }) => name);
}

/** Runs a task in a thread, tells how it gets on, and stops it cleanly when the process is told to stop. */
async function perform(config: Config, kind: ProjectionTask['kind'], names: readonly string[], output: Output) {
  const path = expectReadModels(config);
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const started = performance.now();
  let events = 0;
  const tell = progressTeller(output);
  try {
    const result: TaskResult = await runProjectionTask(
      { kind, names, storage: storageLocation(config), path },
      {
        signal: stopping.signal,
        onProgress(progress) {
          events = progress.events;
          tell(progress);
        },
      },
    );
    if (result.kind === 'stopped') throw new CommandError(exitCodes.interrupted, 'interrupted; nothing was changed');
    return { result, events, seconds: (performance.now() - started) / 1_000 };
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

const tellPeriodMs = 1_000;

/** A line now and then: how many events, how fast, and how long it may still take, judged by positions. */
function progressTeller(output: Output): (progress: RebuildProgress) => void {
  const started = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const now = performance.now();
    if (now - toldAt < tellPeriodMs && progress.phase === 'folding') return;
    toldAt = now;
    const told = paceOf(progress, (now - started) / 1_000);
    if (output.isJson) output.result({ event: 'progress', ...told }, () => '');
    else output.note(sentenceOf(told));
  };
}

export type Pace = RebuildProgress & { readonly eventsPerSecond: number; readonly etaSeconds: number | null };

/** `etaSeconds` supposes that what is left goes as fast as what is done; null before there is anything to judge by. */
export function paceOf(progress: RebuildProgress, seconds: number): Pace {
  const { position, head, events } = progress;
  const left = Math.max(0, head - position);
  const etaSeconds = position > 0 && seconds > 0 ? Math.round((left / position) * seconds) : null;
  return { ...progress, eventsPerSecond: seconds > 0 ? Math.round(events / seconds) : 0, etaSeconds };
}

function sentenceOf({ phase, events, position, head, eventsPerSecond, etaSeconds }: Pace): string {
  if (phase === 'copying') return `${events} events folded; copying what came of them`;
  const rest = etaSeconds === null ? '' : `, ${etaSeconds} s left`;
  return `${events} events, position ${position} of ${head}, ${eventsPerSecond} events/s${rest}`;
}

function describe({ name, version, position, isEqual, tables, poison, stoppedAt }: Verification): string {
  const rows = tables.reduce((sum, { live }) => sum + live.rows, 0);
  const verdict = isEqual ? 'equal' : 'DIFFERENT';
  const heading = `${name} version ${version}: ${verdict} at position ${position}, ${rows} rows`;
  const stopped =
    stoppedAt === null ? [] : [`  the fold from zero stops at event ${stoppedAt.eventId}: ${stoppedAt.error}`];
  const waits =
    poison === null ? [] : [`  compared up to event ${poison.eventId}, which it has stopped at: ${poison.error}`];
  return [heading, ...tables.map(describeTable), ...stopped, ...waits].join('\n');
}

function describeTable({ table, live, rebuilt, difference }: TableVerification): string {
  if (difference === null) return `  ${table} ${live.sha256}`;
  return [
    `  ${table} live    ${live.sha256}, ${live.rows} rows`,
    `  ${table} rebuilt ${rebuilt.sha256}, ${rebuilt.rows} rows`,
    ...describeRows(difference),
  ].join('\n');
}

function describeRows({ live, rebuilt }: RowDifference): readonly string[] {
  const shown = (row: object | null) => (row === null ? 'no such row' : JSON.stringify(row));
  return [`    first difference, live:    ${shown(live)}`, `    first difference, rebuilt: ${shown(rebuilt)}`];
}
