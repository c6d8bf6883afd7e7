import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { BundleFile } from '../domain/bundle.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import type { Inspector } from '../domain/ports/inspector.ts';
import type { Finding, ResolvedContract } from '../domain/submission/events.ts';
import { type BundleGateName, bundleGates } from '../gates/bundle-gates.ts';
import { readArchive } from '../gates/intake.ts';
import { packDirectory } from '../gates/pack.ts';
import { lookAtModel, type ModelLook } from '../gates/parameters/parameters-gate.ts';
import { parametersGateVersion } from '../gates/parameters/rules.ts';
import type { Throughput } from '../gates/parameters/throughput.ts';
import type { Refusal } from '../gates/zip-rules.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { type LocalModels, whyUnavailable } from './local-models.ts';

export type CheckedGate = {
  readonly gate: 'intake' | BundleGateName | 'parameters';
  /** Null for intake, whose rules have no version. */
  readonly version: string | null;
  /** `notRun`: it needs what an earlier gate didn't find. */
  readonly verdict: 'passed' | 'flagged' | 'failed' | 'skipped' | 'notRun';
  /** Why it was skipped; null where it wasn't. */
  readonly reason: string | null;
  readonly findings: readonly Finding[];
};

/** A model as its first life shows it. The estimate of throughput is of one core of this machine. */
export type CheckedModel = {
  readonly parameters: number;
  readonly buffers: number;
  readonly throughput: Throughput | null;
};

export type Checked = {
  readonly files: readonly BundleFile[];
  readonly gates: readonly CheckedGate[];
  /** Null where there is none: it wasn't looked at, or couldn't be built. */
  readonly model: CheckedModel | null;
};

export type CheckDeps = {
  readonly inspector: Inspector & BundleMeter;
  /** Asked only where there is a model to build. */
  readonly models: () => Promise<LocalModels>;
  readonly signal: AbortSignal;
};

/**
 * The gates of a service that need neither its GPU nor its corpus, over a folder or a zip. All that can be said is said: a service stops at
 * the first rejection, a miner wants to know the rest. Throws `CommandError` for a path that can't be read.
 */
export async function checkBundle(path: string, policy: Policy, deps: CheckDeps): Promise<Checked> {
  const read = await readFiles(path);
  if (read.kind === 'refused') {
    const gates = (['contract', 'static', 'parameters', 'distributed'] as const).map((gate) => notRun(gate));
    return { files: [], gates: [gateOf('intake', 'failed', [refused(read)]), ...gates], model: null };
  }
  const { files } = read;
  const { inspector } = deps;
  const contract = await judge('contract', files, null, policy, inspector);
  const resolved = contract.contract;
  const isParsed = contract.checked.findings.every(({ rule }) => rule !== 'prism:contract-python-syntax');
  const staticGate = isParsed ? await judgeIfOn('static', files, resolved, policy, inspector) : notRun('static');
  const distributed =
    resolved === null ? notRun('distributed') : await judgeIfOn('distributed', files, resolved, policy, inspector);
  const looked = resolved === null ? null : await lookIfOn(files, resolved, policy, deps);
  const parameters = looked?.checked ?? notRun('parameters');
  const gates = [gateOf('intake', 'passed', []), contract.checked, staticGate, parameters, distributed];
  return { files, gates, model: looked?.model ?? null };
}

type GateName = CheckedGate['gate'];

function gateOf(gate: GateName, verdict: CheckedGate['verdict'], findings: readonly Finding[]): CheckedGate {
  return { gate, version: versionOf(gate), verdict, reason: null, findings };
}

function versionOf(gate: GateName): string | null {
  if (gate === 'intake') return null;
  return gate === 'parameters' ? parametersGateVersion : bundleGates[gate].version;
}

function notRun(gate: GateName): CheckedGate {
  return gateOf(gate, 'notRun', []);
}

function skipped(gate: GateName, reason: string): CheckedGate {
  return { ...gateOf(gate, 'skipped', []), reason };
}

const offByPolicy = 'off by policy';

async function judgeIfOn(
  gate: 'static' | 'distributed',
  files: readonly BundleFile[],
  contract: ResolvedContract | null,
  policy: Policy,
  inspector: Inspector & BundleMeter,
): Promise<CheckedGate> {
  if (policy.gates[gate] === 'off') return skipped(gate, offByPolicy);
  return (await judge(gate, files, contract, policy, inspector)).checked;
}

async function judge(
  gate: BundleGateName,
  files: readonly BundleFile[],
  contract: ResolvedContract | null,
  policy: Policy,
  inspector: Inspector & BundleMeter,
): Promise<{ readonly checked: CheckedGate; readonly contract: ResolvedContract | null }> {
  const result = await bundleGates[gate].judge({ files, contract }, policy, inspector);
  if (result.kind === 'failed') return { checked: gateOf(gate, 'failed', result.findings), contract: null };
  const findings = result.kind === 'passed' ? (result.findings ?? []) : [];
  return {
    checked: gateOf(gate, findings.length > 0 ? 'flagged' : 'passed', findings),
    contract: result.kind === 'resolved' ? result.contract : null,
  };
}

type Looked = { readonly checked: CheckedGate; readonly model: CheckedModel | null };

/** Skipped, and neither passed nor failed, where this machine can't build a model. */
async function lookIfOn(
  files: readonly BundleFile[],
  contract: ResolvedContract,
  policy: Policy,
  { models, signal }: CheckDeps,
): Promise<Looked> {
  const skip = (reason: string): Looked => ({ checked: skipped('parameters', reason), model: null });
  if (policy.gates.parameters === 'off') return skip(offByPolicy);
  const found = await models();
  if ('missing' in found) return skip(found.missing);
  try {
    const looked = { submissionId: `check ${process.pid}`, files, contract };
    return toChecked(await lookAtModel(looked, policy, found.instantiate, signal));
  } catch (error) {
    const why = whyUnavailable(error);
    if (why === null) throw error;
    return skip(why);
  }
}

function toChecked({ objections, remarks, instantiated, throughput }: ModelLook): Looked {
  const passed = remarks.length > 0 ? 'flagged' : 'passed';
  const checked =
    objections.length > 0 ? gateOf('parameters', 'failed', objections) : gateOf('parameters', passed, remarks);
  if (instantiated.kind !== 'reported') return { checked, model: null };
  const { parameters, buffers } = instantiated.report;
  return { checked, model: parameters === null ? null : { parameters, buffers: buffers ?? 0, throughput } };
}

type ReadFiles = { readonly kind: 'packed' | 'accepted'; readonly files: readonly BundleFile[] } | Refusal;

async function readFiles(path: string): Promise<ReadFiles> {
  try {
    return (await stat(path)).isDirectory()
      ? await packDirectory(resolve(path))
      : await readArchive(await readFile(path));
  } catch (cause) {
    throw Object.assign(new CommandError(exitCodes.usage, `${path} can't be read.`), { cause });
  }
}

function refused({ rule, entry, detail }: Refusal): Finding {
  return { rule, path: entry, line: null, column: null, node: null, excerptHash: null, explanation: detail };
}
