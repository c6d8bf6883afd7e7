import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Policy } from '../../domain/policy/policy.ts';
import { InspectorUnavailableError } from '../../domain/ports/inspector.ts';
import type { Finding } from '../../domain/submission/events.ts';
import { inspectorProcess } from '../../executor/inspector-process.ts';
import { rememberingInspector } from '../../gates/read-modules.ts';
import { programVersion } from '../../service/program-version.ts';
import { type Checked, type CheckedGate, type CheckedModel, checkBundle } from '../check-bundle.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { localModels } from '../local-models.ts';
import type { Output } from '../output.ts';
import { packageRoot } from '../package-root.ts';
import { toSarif } from '../sarif.ts';
import { sourceExcerpt } from '../source-excerpt.ts';
import { jsonText } from '../terminal-text.ts';

/** The evaluator image's. Another one may read a source differently. */
const pythonVersion = '3.11';

const signals = ['SIGINT', 'SIGTERM'] as const;

export type CheckOptions = {
  readonly python: string | undefined;
  readonly sarif: boolean;
  /** False: the model isn't built. */
  readonly model: boolean;
};

/** Holds a bundle against the gates on this machine. 0 where it would pass them, 1 where it wouldn't. */
export async function check(
  path: string,
  policy: Policy,
  options: CheckOptions,
  output: Output,
  models = localModels,
): Promise<number> {
  const python = findPython(options.python);
  if (python.version !== pythonVersion)
    output.note(
      `${python.command} is ${python.version}, the evaluator's is ${pythonVersion}: it may read a source differently.`,
    );
  const inspector = inspectorProcess({ python: python.command, runnerFolder: join(packageRoot, 'gpu-runner') });
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new CommandError(exitCodes.interrupted, 'interrupted'));
  for (const signal of signals) process.once(signal, interrupt);
  try {
    const checked = await checkBundle(path, policy, {
      inspector: rememberingInspector(inspector, 1),
      models: options.model ? models : async () => ({ missing: 'left out by --no-model' }),
      signal: interrupted.signal,
    });
    interrupted.signal.throwIfAborted();
    const sarif = options.sarif ? toSarif(checked, programVersion()) : null;
    if (sarif !== null) output.result(sarif, () => jsonText(sarif, 2));
    else output.result({ path, gates: checked.gates, model: checked.model }, () => report(checked));
    return checked.gates.some(({ verdict }) => verdict === 'failed') ? exitCodes.negative : exitCodes.ok;
  } catch (cause) {
    interrupted.signal.throwIfAborted();
    if (!(cause instanceof InspectorUnavailableError)) throw cause;
    throw Object.assign(new CommandError(exitCodes.usage, `The bundle can't be parsed: ${cause.message}`), { cause });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    await inspector.close();
  }
}

/** The first of the candidates that is a CPython, the evaluator's version before any other. */
function findPython(given: string | undefined): { readonly command: string; readonly version: string } {
  const candidates = given === undefined ? [`python${pythonVersion}`, 'python3'] : [given];
  for (const command of candidates) {
    const program = 'import sys; assert sys.implementation.name == "cpython"; print("%d.%d" % sys.version_info[:2])';
    const { status, stdout } = spawnSync(command, ['-c', program], { encoding: 'utf8' });
    if (status === 0) return { command, version: stdout.trim() };
  }
  throw new CommandError(
    exitCodes.usage,
    `A check needs CPython ${pythonVersion} to parse with, as ${candidates.join(' or ')}; name another by --python.`,
  );
}

function report({ files, gates, model }: Checked): string {
  const findings = gates.flatMap((gate) =>
    gate.findings.map((finding) => describe(finding, sourceExcerpt(files, finding))),
  );
  return [
    ...gates.map(line),
    ...(model === null ? [] : modelLines(model)),
    ...findings.map((text) => `\n${text}`),
  ].join('\n');
}

const inWords = {
  passed: 'passed',
  flagged: 'passed, flagged',
  failed: 'failed',
  skipped: 'skipped',
  notRun: 'not run',
} as const;

function line({ gate, version, verdict, reason, findings }: CheckedGate): string {
  const why = reason === null ? '' : `: ${reason}`;
  const count = findings.length === 0 ? '' : ` (${findings.length} ${findings.length === 1 ? 'finding' : 'findings'})`;
  return `${gate.padEnd(12)} ${(version ?? '').padEnd(14)} ${inWords[verdict]}${why}${count}`;
}

/** How large the model is, and how far a core of this machine would get with it. */
function modelLines({ parameters, buffers, throughput }: CheckedModel): readonly string[] {
  const size = `${parameters.toLocaleString('en-US')} parameters, ${buffers.toLocaleString('en-US')} elements of buffers`;
  if (throughput === null) return [`\nThe model: ${size}`];
  const rate = Math.round(throughput.tokensPerSecond).toLocaleString('en-US');
  const share = `${(throughput.coveredShare * 100).toFixed(1)} %`;
  return [
    `\nThe model: ${size}; ${rate} tokens/s in a forward on one core, at which training covers ${share} of the stream`,
  ];
}

function describe({ rule, path, line: at, column, explanation }: Finding, excerpt: string | null): string {
  const place = [path ?? '(the bundle)', at, at === null ? null : column].filter((part) => part !== null).join(':');
  return [`${place}: ${rule}`, ...(excerpt === null ? [] : [excerpt]), `  ${explanation}`].join('\n');
}
