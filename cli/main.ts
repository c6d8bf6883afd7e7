#!/usr/bin/env node
import { Argument, Command, Option } from 'commander';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type Config, readConfig } from '../config.ts';
import { type Policy, policySchema } from '../domain/policy/policy.ts';
import { backUp, putBack } from './commands/backup.ts';
import { leaderboard, type Scope, weights } from './commands/board.ts';
import { type CheckOptions, check } from './commands/check.ts';
import { correlatedEvents } from './commands/correlated-events.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { listHolds, resolveHold, showHold } from './commands/holds.ts';
import { exportTo, importFrom } from './commands/log.ts';
import { listProjections, skipProjectionEvent } from './commands/projections.ts';
import { rebuildProjections, verifyProjections } from './commands/rebuild-projections.ts';
import { replaySubmission } from './commands/replay.ts';
import { type ScoreOptions, score } from './commands/score.ts';
import { serve } from './commands/serve.ts';
import { decideSlot, listSlots } from './commands/slots.ts';
import { status } from './commands/status.ts';
import { submit } from './commands/submit.ts';
import { CommandError, exitCodeHelp, exitCodes } from './exit-codes.ts';
import { consoleOutput, type Output } from './output.ts';
import { reportError } from './report-error.ts';
import { serviceClient } from './service-client.ts';
import { escapedJson } from './terminal-text.ts';

/** Every command: what it is called, what it takes, and what it calls. The work is in `commands/`. */
function program(): Command {
  const prism = new Command('prism')
    .description('Judges how well a model learns: prequential bits per byte, measured by a referee.')
    .exitOverride()
    .showHelpAfterError()
    .addHelpText('after', `\n${exitCodeHelp}`);

  local(
    prism,
    'serve',
    'run the service: API, read models, process manager, and an executor unless PRISM_EXECUTOR=off',
  ).action(run((config, output) => serve(config, { api: true, work: config.executor }, logger(config), output)));
  local(prism, 'executor', 'run only what needs the container engine, beside an API of the same log').action(
    run((config, output) => serve(config, { api: false, work: config.executor }, logger(config), output)),
  );
  addEngineCommands(prism);

  addCheckCommand(prism);
  remote(prism, 'submit', 'hand a bundle in: a folder or a zip')
    .argument('<path>', 'folder or zip')
    .requiredOption('--hotkey <hotkey>', 'whose submission it is')
    .option('--wait', 'follow it to its end', false)
    .action((path: string, options: Remote & { hotkey: string; wait: boolean }) =>
      finish(options, (output) => submit(client(options), path, options, output)),
    );
  remote(prism, 'status', 'how a submission stands')
    .argument('<id>')
    .action((id: string, options: Remote) => finish(options, (output) => status(client(options), id, output)));
  remote(prism, 'events', "a submission's timeline")
    .argument('[id]')
    .option('--correlation <id>', 'instead: all that belongs to one matter, with causes, from the log itself')
    .action((id: string | undefined, options: Remote & { correlation?: string }) =>
      finish(options, (output) => showEvents(id, options, output)),
    );
  remote(prism, 'leaderboard', 'the board of the current epoch')
    .option('--epoch <id>', 'of another epoch')
    .option('--all', 'of all epochs')
    .action((options: Remote & Scope) => finish(options, (output) => leaderboard(client(options), options, output)));
  remote(prism, 'weights', 'the weights that the platform would read (nothing is written on a chain)').action(
    (options: Remote) => finish(options, (output) => weights(client(options), output)),
  );

  local(prism, 'replay', "compute a submission's numbers anew from the records of the data folder")
    .argument('<id>')
    .action((id: string, options: Local) =>
      finish(options, (output) => replaySubmission(readConfig(process.env), id, output)),
    );
  addLogCommands(prism);
  holdCommands(prism.command('holds').description('what waits for an operator to decide'));
  slotCommands(prism.command('slots').description('the devices that attempts run on'));
  projectionCommands(prism.command('projections').description('the read models of the data folder'));
  return prism;
}

/** What runs bundles on this machine's engine, and what says whether it can. */
function addEngineCommands(prism: Command): void {
  local(prism, 'demo', 'score the example bundles on a fresh log, end to end')
    .option('--stream-bytes <n>', 'bytes of text to measure over', Number)
    .option('--log <url>', 'a cluster to keep the log in (esdb://…) in place of the embedded one')
    .action(
      run((config, output, { streamBytes, log }: { streamBytes?: number; log?: string }) =>
        demo(config, { streamBytes, log }, output),
      ),
    );
  local(prism, 'score', 'run a bundle here as a service would, on the public corpus, and say how it does')
    .argument('<path>', 'folder or zip')
    .option('--bytes <n>', 'bytes of text to measure over (250,000)', Number)
    .option('--seconds <n>', 'wall clock until the stream ends', Number)
    .action((path: string, options: Local & ScoreOptions) =>
      finish(options, (output) => score(readConfig(process.env), path, options, output)),
    );
  local(prism, 'doctor', 'say what this machine lacks to run attempts, and how to mend it').action(
    run((config, output) => doctor(config, output)),
  );
}

function addCheckCommand(prism: Command): void {
  local(prism, 'check', 'hold a bundle against the gates at home: a folder or a zip')
    .argument('<path>', 'folder or zip')
    .option('--sarif', 'what was found as a SARIF 2.1.0 log', false)
    .option('--no-model', 'leave out the parameters gate, which builds the model in a container')
    .option('--python <command>', 'a CPython to parse with; python3.11 or python3 by default')
    .action((path: string, options: Local & CheckOptions) =>
      finish(options, (output) => check(path, policyOf(readConfig(process.env)), options, output)),
    );
}

function projectionCommands(readModels: Command): void {
  local(readModels, 'list', 'versions, positions, lag, poison').action(run(listProjections));
  local(readModels, 'rebuild', 'build them anew beside the live ones, and swap')
    .argument('[names...]', 'all of them by default')
    .action((names: string[], options: Local) =>
      finish(options, (output) => rebuildProjections(readConfig(process.env), names, output)),
    );
  local(readModels, 'verify', 'compare the live ones with a fold of the log from zero')
    .argument('[names...]', 'all of them by default')
    .action((names: string[], options: Local) =>
      finish(options, (output) => verifyProjections(readConfig(process.env), names, output)),
    );
  local(readModels, 'skip', 'let one go on without the event that it has stopped at')
    .argument('<name>', 'the projection')
    .argument('<event-id>', 'the event, as `projections list` names it')
    .requiredOption('--operator <name>', 'who decides')
    .requiredOption('--reason <text>', 'why; both go into the log')
    .action((projection: string, eventId: string, options: Local & { operator: string; reason: string }) =>
      finish(options, (output) => {
        const { operator, reason } = options;
        return skipProjectionEvent(readConfig(process.env), { projection, eventId, operator, reason }, output);
      }),
    );
}

function holdCommands(holds: Command): void {
  remote(holds, 'list', 'what is held, oldest first')
    .option('--all', 'also what was decided or has expired', false)
    .action((options: Remote & { all: boolean }) =>
      finish(options, (output) => listHolds(client(options), options, output)),
    );
  remote(holds, 'show', 'what to decide a hold by; with --json every word of its newest review, source included')
    .argument('<hold-id>')
    .action((id: string, options: Remote) => finish(options, (output) => showHold(client(options), id, output)));
  remote(holds, 'resolve', 'decide a hold, once: release it where it stopped, or reject its submission for good')
    .argument('<hold-id>')
    .addArgument(new Argument('<resolution>').choices(['release', 'reject']))
    .requiredOption('--operator <name>', 'who decides')
    .requiredOption('--reason <text>', 'why; both go into the log, and the reason is public')
    .action((id: string, resolution: 'release' | 'reject', options: Remote & { operator: string; reason: string }) =>
      finish(options, (output) => {
        const { operator, reason } = options;
        return resolveHold(client(options), id, { resolution, operator, reason }, output);
      }),
    );
}

function slotCommands(slots: Command): void {
  remote(slots, 'list', 'what each runs, and why it takes no leases where it takes none').action((options: Remote) =>
    finish(options, (output) => listSlots(client(options), output)),
  );
  for (const [decision, description] of [
    ['quarantine', 'let one end what it runs, and take no more'],
    ['restore', 'let a quarantined one take leases again'],
  ] as const)
    remote(slots, decision, description)
      .argument('<slot>', 'as `slots list` names it')
      .requiredOption('--operator <name>', 'who decides')
      .requiredOption('--reason <text>', 'why; both go into the log, and the reason of a quarantine is public')
      .action((slot: string, { operator, reason, ...options }: Remote & { operator: string; reason: string }) =>
        finish(options, (output) => decideSlot(client(options), slot, decision, { operator, reason }, output)),
      );
}

/** What keeps the log safe, and carries it elsewhere. */
function addLogCommands(prism: Command): void {
  local(prism, 'backup', 'copy log and blobs into an empty folder, while the service writes')
    .argument('<folder>')
    .action((folder: string, options: Local) =>
      finish(options, (output) => backUp(readConfig(process.env), folder, output)),
    );
  local(prism, 'restore', 'verify a backup and make it the data folder, which must be empty')
    .argument('<folder>')
    .action((folder: string, options: Local) =>
      finish(options, (output) => putBack(readConfig(process.env), folder, output)),
    );
  const log = prism.command('log').description('the event log as a file, to move it from one adapter to another');
  local(log, 'export', 'write every event as it is stored, with its digest, and the blobs that they name')
    .argument('<file>', 'JSON lines; - for standard output')
    .option('--no-blobs', 'events alone')
    .action((file: string, options: Local & { blobs: boolean }) =>
      finish(options, (output) => exportTo(readConfig(process.env), file, options, output)),
    );
  local(log, 'import', 'append what was exported, byte for byte; again, it changes nothing')
    .argument('<file>', 'an exported log; - for standard input')
    .action((file: string, options: Local) =>
      finish(options, (output) => importFrom(readConfig(process.env), file, output)),
    );
}

type Local = { readonly json: boolean };
type Remote = Local & { readonly url: string; readonly token?: string };

function local(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).option('--json', 'results as JSON, one value a line', false);
}

function remote(parent: Command, name: string, description: string): Command {
  return local(parent, name, description)
    .addOption(new Option('--url <url>', 'the service').env('PRISM_URL').default('http://127.0.0.1:8710'))
    .addOption(new Option('--token <token>', 'shared token').env('PRISM_SHARED_TOKEN'));
}

function showEvents(
  id: string | undefined,
  { correlation, ...options }: Remote & { correlation?: string },
  output: Output,
): Promise<number> {
  if (correlation !== undefined && id === undefined)
    return correlatedEvents(readConfig(process.env), correlation, output);
  if (id !== undefined && correlation === undefined) return events(client(options), id, output);
  throw new CommandError(exitCodes.usage, 'Name a submission, or what the events have in common by --correlation.');
}

/** The policy that a service started here would begin with. */
function policyOf({ initialPolicy }: Config): Policy {
  return policySchema.parse(initialPolicy);
}

function client({ url, token }: Remote) {
  return serviceClient(url, token ?? null);
}

function run<Options extends object>(
  work: (config: Config, output: Output, options: Options & Local) => Promise<number>,
) {
  return (options: Options & Local) => finish(options, (output) => work(readConfig(process.env), output, options));
}

async function finish({ json }: Local, work: (output: Output) => Promise<number>): Promise<void> {
  process.exitCode = await work(consoleOutput(json));
}

/** Logs are JSON lines on stderr: stdout belongs to results. */
function logger({ logLevel }: Config): Logger {
  const lines = pino.destination(2);
  const stderr: DestinationStream = { write: (line) => lines.write(escapedJson(line)) };
  return pino({ name: 'prism', level: logLevel, timestamp: pino.stdTimeFunctions.isoTime }, stderr);
}

// Whoever reads our output may stop early (`prism … | head`): that is no fault.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = reportError(error, consoleOutput(process.argv.includes('--json')));
}
