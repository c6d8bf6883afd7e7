import type { Call, FunctionFacts, ModuleFacts } from '../../domain/ports/inspector.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import type { Modules } from '../role-files.ts';
import { asksForRank } from './rules.ts';

type Guarded = Pick<Call, 'guards'>;

function asksWhichProcess({ guards }: Guarded): boolean {
  return guards.some((guard) => asksForRank.test(guard));
}

/**
 * Whether a call of the training role may be reached by every process: neither it nor, on every known way to the function that it stands in, a call
 * asks which process this is. A function that nobody is known to call counts as reached, as the entry point does.
 */
export function reachedByAll(
  modules: Modules,
  { training }: Pick<ResolvedContract, 'training'>,
): (module: ModuleFacts, call: Call) => boolean {
  const role = training.files.flatMap((path) => modules.get(path) ?? []);
  const calls = role.flatMap((module) => callsOfFunctions(module, modules));
  const called = new Set(calls.map(({ to }) => to));
  const byEveryone = new Map<string, Set<string>>();
  for (const call of calls) {
    if (asksWhichProcess(call)) continue;
    const callees = byEveryone.get(call.from) ?? new Set();
    byEveryone.set(call.from, callees.add(call.to));
  }
  const reached = new Set(
    role
      .flatMap((module) => module.functions.map(({ name }) => idOf(module.path, name)))
      .filter((id) => !called.has(id)),
  ).add(idOf(training.entrypoint, training.symbol));
  // A set is walked in order of insertion, additions made on the way included.
  for (const id of reached) {
    for (const to of byEveryone.get(id) ?? []) reached.add(to);
  }
  return (module, call) => !asksWhichProcess(call) && reached.has(idOf(module.path, functionAt(module, call.line)));
}

type FunctionCall = Guarded & { readonly from: string; readonly to: string };

/** Calls of the role's own functions: those within the module, and those of functions that other modules define. */
function callsOfFunctions(module: ModuleFacts, modules: Modules): readonly FunctionCall[] {
  const { path, functions, calls } = module;
  return [
    ...functions.flatMap(({ name, callers }) =>
      callers.map((caller) => ({ from: idOf(path, caller.name), to: idOf(path, name), guards: caller.guards })),
    ),
    ...calls.flatMap(({ name, line, guards }) =>
      definitionsOf(name, modules).map((to) => ({ from: idOf(path, functionAt(module, line)), to, guards })),
    ),
  ];
}

function idOf(path: string, name: string): string {
  return `${path}::${name}`;
}

/** The innermost function around a line; the module's own statements have the empty name. */
function functionAt({ functions }: ModuleFacts, line: number): string {
  const isAround = (each: FunctionFacts) => each.line <= line && line <= each.lastLine;
  return functions.findLast(isAround)?.name ?? '';
}

/** Which functions of the bundle a name like `parts.py::save` leads to, through modules that only pass it on. */
function definitionsOf(name: string, modules: Modules, passed = new Set<string>()): readonly string[] {
  const [path = '', chain = ''] = name.split('::');
  const module = modules.get(path);
  if (module === undefined || passed.has(name)) return [];
  passed.add(name);
  if (module.functions.some((each) => each.name === chain)) return [name];
  const [first = '', ...rest] = chain.split('.');
  const exported = Object.hasOwn(module.exports, first) ? (module.exports[first] ?? []) : [];
  return exported.flatMap((target) => definitionsOf(joined(target, rest), modules, passed));
}

function joined(target: string, rest: readonly string[]): string {
  return target.endsWith('::') ? `${target}${rest.join('.')}` : [target, ...rest].join('.');
}
