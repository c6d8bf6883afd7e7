import type { BundleFile } from '../domain/bundle.ts';
import type { Inspector } from '../domain/ports/inspector.ts';
import type { Finding, ResolvedContract } from '../domain/submission/events.ts';
import type { TokenizerClass } from '../domain/tokenizer.ts';
import { type Failed, finding } from './contract-rules.ts';
import { type Declaration, displayName, readDeclaration } from './manifest.ts';
import type { DeclaredRole } from './manifest-role.ts';
import { readModules } from './read-modules.ts';
import { fingerprintRole, type Modules } from './role-files.ts';

export type ContractPolicy = { readonly tokenizers: readonly TokenizerClass[] };
export type Resolution = { readonly kind: 'resolved'; readonly contract: ResolvedContract } | Failed;

/** As many findings as one event carries. */
const findingLimit = 100;

/**
 * Resolves what a bundle declares (CONTRACT §1), exactly and without fallback: the manifest first, then what CPython's
 * parser says of every `.py` file. Throws `InspectorUnavailableError` when the parser can't be asked; that is no verdict.
 */
export async function resolveContract(
  files: readonly BundleFile[],
  inspector: Inspector,
  policy: ContractPolicy,
): Promise<Resolution> {
  const read = readDeclaration(files, policy.tokenizers);
  if (read.kind === 'failed') return capped(read.findings);
  const modules = await readModules(files, inspector);
  const { declaration } = read;
  const findings = [
    ...checkSyntax(modules),
    ...checkSymbol(declaration.architecture, modules),
    ...checkSymbol(declaration.training, modules),
  ];
  if (findings.length > 0) return capped(findings);
  return { kind: 'resolved', contract: resolve(declaration, files, modules) };
}

function capped(findings: readonly Finding[]): Failed {
  return { kind: 'failed', findings: findings.slice(0, findingLimit) };
}

/** Every file, imported or not: what can't be parsed can't be judged by the gates that follow. */
function checkSyntax(modules: Modules): readonly Finding[] {
  return [...modules.values()].flatMap(({ path, error }) =>
    error === null
      ? []
      : [finding('prism:contract-python-syntax', { path, line: error.line, column: error.column }, error.message)],
  );
}

/** `unknown` passes: an assignment or an import may well be callable, and the run finds out. */
function checkSymbol(role: DeclaredRole, modules: Modules): readonly Finding[] {
  const module = modules.get(role.entrypoint);
  if (module === undefined || module.error !== null) return [];
  // The last binding of a name is the one that the run sees.
  const symbol = module.symbols.findLast(({ name }) => name === role.symbol);
  if (symbol === undefined) {
    return [
      finding(
        'prism:contract-symbol-missing',
        { path: role.entrypoint },
        `${role.entrypoint} has no \`${role.symbol}\`.`,
      ),
    ];
  }
  if (symbol.callable !== 'no') return [];
  return [
    finding(
      'prism:contract-symbol-not-callable',
      { path: role.entrypoint, line: symbol.line },
      `\`${role.symbol}\` is bound to something else.`,
    ),
  ];
}

function resolve(declaration: Declaration, files: readonly BundleFile[], modules: Modules): ResolvedContract {
  const { kind, architectureId, name, tokenizer, architecture, training } = declaration;
  const constant = modules.get(architecture.entrypoint)?.architectureName ?? null;
  return {
    kind,
    architectureId,
    name: name ?? displayName(constant),
    tokenizer,
    architecture: {
      entrypoint: architecture.entrypoint,
      symbol: architecture.symbol,
      ...fingerprintRole(architecture, files, modules),
    },
    training: {
      entrypoint: training.entrypoint,
      symbol: training.symbol,
      ...fingerprintRole(training, files, modules),
    },
  };
}
