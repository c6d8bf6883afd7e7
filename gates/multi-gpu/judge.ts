import type { Call, ModuleFacts } from '../../domain/ports/inspector.ts';
import type { Finding, ResolvedContract } from '../../domain/submission/events.ts';
import type { Modules } from '../role-files.ts';
import { nameTracer } from '../static/trace-names.ts';
import { reachedByAll } from './reached-by-all.ts';
import { boundRule, guardRule, mostProcesses, primitives, workingExample, writes } from './rules.ts';

/** `bound`: more than one node's GPUs, never only flagged. `missing`: what the multi-GPU contract wants and the role doesn't show. */
export type DistributedVerdict = { readonly missing: readonly Finding[]; readonly bound: readonly Finding[] };

type Trace = (name: string) => readonly string[];

/** Holds the training role, all of its modules together, against the multi-GPU contract. Pure. */
export function judgeDistributed(
  modules: Modules,
  { training }: Pick<ResolvedContract, 'training'>,
): DistributedVerdict {
  const trace = nameTracer(modules);
  const role = training.files.flatMap((path) => modules.get(path) ?? []);
  const script = modules.get(training.entrypoint);
  const line = script?.symbols.findLast(({ name }) => name === training.symbol)?.line ?? 1;
  const reached = role.flatMap((module) => module.uses.flatMap(({ name }) => trace(name)));
  const missing = primitives
    .filter(({ names, attributes }) => !reached.some((name) => shows(name, names, attributes)))
    .map(
      ({ rule, wants }): Finding => ({
        ...{ rule, path: training.entrypoint, line, column: 1, node: null, excerptHash: null },
        explanation: `The training must ${wants}. ${workingExample} shows how.`,
      }),
    );
  const isReached = reachedByAll(modules, { training });
  return {
    missing: [...missing, ...role.flatMap((module) => unguardedWrites(module, trace, isReached))],
    bound: role.flatMap((module) => beyondOneNode(module, trace)),
  };
}

function shows(reached: string, names: readonly string[], attributes: readonly string[]): boolean {
  if (names.some((name) => reached === name || reached.startsWith(`${name}.`))) return true;
  return attributes.includes(reached.slice(reached.lastIndexOf('.') + 1));
}

function unguardedWrites(
  module: ModuleFacts,
  trace: Trace,
  isReached: ReturnType<typeof reachedByAll>,
): readonly Finding[] {
  return module.calls
    .filter((call) => trace(call.name).some((name) => writes.includes(name)) && isReached(module, call))
    .map((call) =>
      found(
        guardRule,
        module.path,
        call,
        `A write, or every call of its function, must stand under \`if ctx.rank == 0\`. ${workingExample} shows how.`,
      ),
    );
}

function beyondOneNode(module: ModuleFacts, trace: Trace): readonly Finding[] {
  const starts = module.calls.filter((call) => trace(call.name).includes('torch.distributed.init_process_group'));
  return starts.flatMap((call) => {
    const processes = Number(call.keywords.world_size?.text ?? call.arguments[3]?.text ?? 1);
    const meets = call.keywords.init_method?.text ?? call.arguments[1]?.text ?? '';
    const address = /^tcp:\/\/(?!localhost[:/]|127\.0\.0\.1[:/]|\[::1\])/.test(meets);
    return [
      ...(processes > mostProcesses
        ? [found(boundRule, module.path, call, `At most ${mostProcesses} processes, and these are ${processes}.`)]
        : []),
      ...(address
        ? [found(boundRule, module.path, call, 'One node: processes meet at 127.0.0.1, as the launcher says.')]
        : []),
    ];
  });
}

function found(rule: string, path: string, { line, column, node, excerptHash }: Call, explanation: string): Finding {
  return { rule, path, line, column, node, excerptHash, explanation };
}
