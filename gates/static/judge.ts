import type { Policy } from '../../domain/policy/policy.ts';
import type { Argument, Call, ModuleFacts, Site } from '../../domain/ports/inspector.ts';
import type { Finding } from '../../domain/submission/events.ts';
import type { Modules } from '../role-files.ts';
import { takenModuleNames } from './module-names.ts';
import { type PathRule, ruleFinder } from './rule.ts';
import { otherRules, pathRules, staticRules } from './rules.ts';
import { nameTracer } from './trace-names.ts';

export type StaticPolicy = Policy['staticRules'];

const byAttributeName = ['builtins.getattr', 'builtins.setattr', 'builtins.delattr'];

const findRule = ruleFinder(staticRules);

const nothing: Argument = { text: null, mentions: [] };

type Trace = (name: string) => readonly string[];

/**
 * Holds every module of a bundle, reached or not, against the static rules. `entrypoints` are the roles' scripts: their folders, too, are on
 * the import path. Pure: the same facts and policy give the same findings, in the order of paths and places.
 */
export function judgeStatically(
  modules: Modules,
  entrypoints: readonly string[],
  policy: StaticPolicy,
): readonly Finding[] {
  const trace = nameTracer(modules);
  const findings = [...modules.values()].flatMap((module) => [
    ...shadowing(module.path, entrypoints),
    ...reachedNames(module, trace, policy.importRoots),
    ...module.calls.flatMap((call) =>
      calledWith(call, trace, (argument) => isInArtifacts(argument, module, modules)).map((rule) =>
        found(rule, module.path, call, call.name),
      ),
    ),
  ]);
  return ordered(findings.filter(({ rule }) => !policy.off.includes(rule)));
}

/** Python would find the other module first, or its library would find this one. */
function shadowing(path: string, entrypoints: readonly string[]): readonly Finding[] {
  const folders = new Set(['', ...entrypoints.map((entrypoint) => entrypoint.replace(/[^/]*$/, ''))]);
  const names = [...folders]
    .filter((folder) => path.startsWith(folder))
    .map((folder) => path.slice(folder.length).split('/')[0]?.replace(/\.py$/, '') ?? '');
  const taken = names.find((name) => takenModuleNames.has(name));
  if (taken === undefined) return [];
  const explanation = `${otherRules['prism:no-shadowing']} It is \`${taken}\`.`;
  return [{ rule: 'prism:no-shadowing', path, line: 1, column: 1, node: null, excerptHash: null, explanation }];
}

function reachedNames(module: ModuleFacts, trace: Trace, importRoots: readonly string[]): readonly Finding[] {
  return module.uses.flatMap((use) =>
    trace(use.name).flatMap((name) => {
      const rule = ruleFor(name, use.node, use.called, importRoots);
      return rule === null ? [] : [found(rule, module.path, use, name)];
    }),
  );
}

function ruleFor(name: string, node: string, called: boolean, importRoots: readonly string[]): string | null {
  const rule = findRule(name);
  if (rule !== undefined) return rule.id;
  // Handed on as values they are called where nobody sees with what.
  if (!called && byAttributeName.includes(name)) return 'prism:no-dynamic-attribute';
  if (!called && node !== 'Import') {
    const path = pathRules.find((each) => each.name === name);
    if (path !== undefined) return path.rule;
  }
  const isImport = node === 'Import' || node === 'ImportFrom';
  return isImport && !importRoots.includes(name.split('.')[0] ?? '') && !name.startsWith('?')
    ? 'prism:import-root'
    : null;
}

function calledWith(call: Call, trace: Trace, isAllowed: (argument: Argument) => boolean): readonly string[] {
  return trace(call.name).flatMap((name) => {
    if (byAttributeName.includes(name)) {
      return typeof call.arguments[1]?.text === 'string' ? [] : ['prism:no-dynamic-attribute'];
    }
    const given = ({ position, keyword }: PathRule) => call.arguments[position] ?? call.keywords[keyword] ?? nothing;
    return pathRules.filter((rule) => rule.name === name && !isAllowed(given(rule))).map(({ rule }) => rule);
  });
}

/** An attribute that the path comes through may be given by no other module; nor what the module's own calls hand on, so none may import it. */
function isInArtifacts({ mentions }: Argument, module: ModuleFacts, modules: Modules): boolean {
  if (!mentions.includes('artifacts_dir') || mentions.includes('..')) return false;
  const attributes = mentions.filter((each) => each.startsWith('.') && each !== '.').map((mark) => mark.slice(1));
  if (attributes.length === 0) return true;
  const others = [...modules.values()].filter(({ path }) => path !== module.path);
  if (mentions.includes('.') && others.some(({ imports }) => imports.includes(module.path))) return false;
  return !others.some((other) => ['*', ...attributes].some((each) => other.attributes.includes(each)));
}

function found(rule: string, path: string, site: Site, name: string): Finding {
  const { node, line, column, excerptHash } = site;
  const explanation = `${explanationOf(rule)} ${shownName(name)} is reached here.`;
  return { rule, path, line, column, node, excerptHash, explanation };
}

const explanations = new Map<string, string>([
  ...staticRules.map(({ id, explanation }) => [id, explanation] as const),
  ...Object.entries(otherRules),
]);

function explanationOf(rule: string): string {
  return explanations.get(rule) ?? rule;
}

function shownName(name: string): string {
  return `\`${name.startsWith('?') ? `…${name.slice(1)}` : name}\``.slice(0, 300);
}

/** One finding for a rule and place: the longest name says most. */
function ordered(findings: readonly Finding[]): readonly Finding[] {
  const kept = new Map<string, Finding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.path, finding.line, finding.column, finding.rule]);
    const earlier = kept.get(key);
    if (earlier === undefined || earlier.explanation.length < finding.explanation.length) kept.set(key, finding);
  }
  return [...kept.values()].toSorted(
    (left, right) =>
      (left.path ?? '').localeCompare(right.path ?? '', 'en') ||
      (left.line ?? 0) - (right.line ?? 0) ||
      (left.column ?? 0) - (right.column ?? 0) ||
      left.rule.localeCompare(right.rule, 'en'),
  );
}
