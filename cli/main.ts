#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type Config, ConfigError, readConfig } from '../config.ts';
import { leaderboard, type Scope, weights } from './commands/board.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { listProjections, rebuildProjections } from './commands/projections.ts';
import { replaySubmission } from './commands/replay.ts';
import { serve } from './commands/serve.ts';
import { status } from './commands/status.ts';
import { submit } from './commands/submit.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { consoleOutput, type Output } from './output.ts';
import { serviceClient } from './service-client.ts';

/** Every command: what it is called, what it takes, and what it calls. The work is in `commands/`. */
function program(): Command {
  const prism = new Command('prism')
    .description('Judges how well a model learns: prequential bits per byte, measured by a referee.')
    .exitOverride()
    .showHelpAfterError()
    .addHelpText('after', exitCodeHelp);

  local(
    prism,
    'serve',
    'run the service: API, read models, process manager, and an executor unless PRISM_EXECUTOR=off',
  ).action(run((config, output) => serve(config, { api: true, work: config.executor }, logger(config), output)));
  local(prism, 'executor', 'run only what needs the container engine, beside an API of the same log').action(
    run((config, output) => serve(config, { api: false, work: config.executor }, logger(config), output)),
  );
  local(prism, 'demo', 'score the example bundles on a fresh embedded log, end to end')
    .option('--stream-bytes <n>', 'bytes of text to measure over', Number)
    .action(run((config, output, { streamBytes }: { streamBytes?: number }) => demo(config, { streamBytes }, output)));
  local(prism, 'doctor', 'say what this machine lacks to run attempts, and how to mend it').action(
    run((_config, output) => doctor(output)),
  );

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
    .argument('<id>')
    .action((id: string, options: Remote) => finish(options, (output) => events(client(options), id, output)));
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
  const readModels = prism.command('projections').description('the read models of the data folder');
  local(readModels, 'list', 'versions, positions, lag, poison').action(run(listProjections));
  local(readModels, 'rebuild', 'build them anew beside the live ones, and swap')
    .argument('[names...]', 'all of them by default')
    .action((names: string[], options: Local) =>
      finish(options, (output) => rebuildProjections(readConfig(process.env), names, output)),
    );
  return prism;
}

const exitCodeHelp = `
Exit codes: 0 done; 1 the answer is no (rejected, failed, something missing); 2 wrong usage or configuration;
3 the service can't be reached; 4 the service refused; 70 a fault of ours.`;

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
  const stderr: DestinationStream = pino.destination(2);
  return pino({ name: 'prism', level: logLevel, timestamp: pino.stdTimeFunctions.isoTime }, stderr);
}

function report(error: unknown): number {
  const isJson = process.argv.includes('--json');
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandError || error instanceof ConfigError) {
    const exitCode = error instanceof CommandError ? error.exitCode : exitCodes.usage;
    const detail = error instanceof CommandError ? error.detail : null;
    if (isJson) process.stdout.write(`${JSON.stringify({ error: error.message, ...detail })}\n`);
    else process.stderr.write(`prism: ${error.message}\n`);
    return exitCode;
  }
  process.stderr.write(`prism: a fault of ours: ${error instanceof Error ? error.stack : String(error)}\n`);
  for (let cause = error instanceof Error ? error.cause : undefined; cause !== undefined; ) {
    process.stderr.write(`  caused by: ${cause instanceof Error ? cause.stack : String(cause)}\n`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return exitCodes.fault;
}

// Whoever reads our output may stop early (`prism … | head`): that is no fault.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
