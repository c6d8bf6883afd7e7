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
import type { Refusal } from '../gates/zip-rules.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

export type CheckedGate = {
  readonly gate: 'intake' | BundleGateName;
  /** Null for intake, whose rules have no version. */
  readonly version: string | null;
  /** `notRun`: it needs what an earlier gate didn't find. */
  readonly verdict: 'passed' | 'flagged' | 'failed' | 'skipped' | 'notRun';
  readonly findings: readonly Finding[];
};

export type Checked = { readonly files: readonly BundleFile[]; readonly gates: readonly CheckedGate[] };

/**
 * The gates of a service that need neither its GPU nor its corpus, over a folder or a zip. All that can be said is said: a service stops at
 * the first rejection, a miner wants to know the rest. Throws `CommandError` for a path that can't be read.
 */
export async function checkBundle(path: string, policy: Policy, inspector: Inspector & BundleMeter): Promise<Checked> {
  const read = await readFiles(path);
  if (read.kind === 'refused') {
    const gates = (['contract', 'static', 'distributed'] as const).map((gate) => notRun(gate));
    return {
      files: [],
      gates: [{ gate: 'intake', version: null, verdict: 'failed', findings: [refused(read)] }, ...gates],
    };
  }
  const { files } = read;
  const contract = await judge('contract', files, null, policy, inspector);
  const resolved = contract.contract;
  const isParsed = contract.checked.findings.every(({ rule }) => rule !== 'prism:contract-python-syntax');
  return {
    files,
    gates: [
      { gate: 'intake', version: null, verdict: 'passed', findings: [] },
      contract.checked,
      isParsed ? await judgeIfOn('static', files, resolved, policy, inspector) : notRun('static'),
      resolved !== null ? await judgeIfOn('distributed', files, resolved, policy, inspector) : notRun('distributed'),
    ],
  };
}

function notRun(gate: BundleGateName): CheckedGate {
  return { gate, version: bundleGates[gate].version, verdict: 'notRun', findings: [] };
}

async function judgeIfOn(
  gate: 'static' | 'distributed',
  files: readonly BundleFile[],
  contract: ResolvedContract | null,
  policy: Policy,
  inspector: Inspector & BundleMeter,
): Promise<CheckedGate> {
  if (policy.gates[gate] === 'off') return { ...notRun(gate), verdict: 'skipped' };
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
  const { version } = bundleGates[gate];
  if (result.kind === 'failed')
    return { checked: { gate, version, verdict: 'failed', findings: result.findings }, contract: null };
  const findings = result.kind === 'passed' ? (result.findings ?? []) : [];
  const verdict = findings.length > 0 ? 'flagged' : 'passed';
  return {
    checked: { gate, version, verdict, findings },
    contract: result.kind === 'resolved' ? result.contract : null,
  };
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
