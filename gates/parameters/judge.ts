import type { Policy } from '../../domain/policy/policy.ts';
import type { Instantiated, InstantiationReport } from '../../domain/ports/instantiator.ts';
import type { Finding, ResolvedContract } from '../../domain/submission/events.ts';
import { floats, notableMicroNats, rules } from './rules.ts';

/** `objections` reject; `remarks` are what a miner should know of a model that passes. */
export type ModelVerdict = { readonly objections: readonly Finding[]; readonly remarks: readonly Finding[] };

type Failure = NonNullable<InstantiationReport['failure']>;
type Place = { readonly path: string; readonly line: number | null };

/** What is wrong with a model, by how its first life ended. `paths` are the bundle's: a place that isn't in it is no place. */
export function judgeInstantiated(
  instantiated: Instantiated,
  { architecture }: ResolvedContract,
  policy: Policy,
  paths: ReadonlySet<string>,
): ModelVerdict {
  const whole: Place = { path: architecture.entrypoint, line: null };
  if (instantiated.kind !== 'reported')
    return rejected(finding(ruleOfEnd[instantiated.kind], whole, instantiated.message));
  const { report } = instantiated;
  const overCap = capFinding(report, policy.limits.maxParameters, whole);
  if (overCap !== null) return rejected(overCap);
  if (report.failure !== null) return rejected(failureFinding(report.stage, report.failure, whole, paths));
  if (report.parameters === null)
    return rejected(finding(rules.instantiation, whole, 'The process that built the model says nothing of it.'));
  const wrongAnswer = answerFinding(report, whole);
  if (wrongAnswer !== null) return rejected(wrongAnswer);
  return judgeProbes(report.probes, policy.integrity.equalityBoundMicroNats, whole);
}

const ruleOfEnd = {
  timeUp: rules.time,
  outOfMemory: rules.memory,
  flooded: rules.instantiation,
  died: rules.instantiation,
} as const;

function capFinding({ parameters, buffers }: InstantiationReport, cap: number, place: Place): Finding | null {
  const elements = (parameters ?? 0) + (buffers ?? 0);
  if (elements <= cap) return null;
  const counted = `${count(parameters ?? 0)} parameters and ${count(buffers ?? 0)} elements of buffers`;
  return finding(rules.cap, place, `The model has ${counted}; together they may be at most ${count(cap)}.`);
}

const ruleOfFailure = {
  exception: rules.instantiation,
  contract: rules.instantiation,
  time: rules.time,
  memory: rules.memory,
} as const;

const stages = {
  import: 'the import of the architecture',
  build: 'build_model(ctx)',
  forward: 'the first forward',
  training: 'the first forward, in the shape that the training loop asks for',
  probes: 'a further forward',
  behaviour: 'its life under a public seed',
  done: 'the end',
} as const;

function failureFinding(
  stage: InstantiationReport['stage'],
  { kind, where, message }: Failure,
  whole: Place,
  paths: ReadonlySet<string>,
): Finding {
  return finding(ruleOfFailure[kind], placeIn(where, paths) ?? whole, `In ${stages[stage]}: ${message}`);
}

/** `blocks/mix.py:12`, if the bundle has such a file. */
function placeIn(where: string | null, paths: ReadonlySet<string>): Place | null {
  const [, path = '', line = ''] = /^(.+):(\d{1,9})$/.exec(where ?? '') ?? [];
  return paths.has(path) && Number(line) > 0 ? { path, line: Number(line) } : null;
}

/** Null where nothing came back, too: then time cut it short where it cuts nobody off. */
function answerFinding({ asked, output }: InstantiationReport, place: Place): Finding | null {
  if (asked === null || output === null) return null;
  const wanted = [asked.rows, asked.length, asked.vocab];
  if (output.shape === null || output.shape.join() !== wanted.join()) {
    const given = output.shape === null ? `a ${output.type}` : `a tensor of shape ${shown(output.shape)}`;
    return finding(
      rules.shape,
      place,
      `The model returns ${given}; it must be a tensor (B, T, V), here ${shown(wanted)}.`,
    );
  }
  if (output.dtype !== null && floats.includes(output.dtype)) return null;
  return finding(rules.dtype, place, `The model returns ${output.dtype}; it must be float32 or bfloat16.`);
}

/** Two batches must agree: what differs in one alone may be chance, and the run decides. */
function judgeProbes(probes: InstantiationReport['probes'], bound: number, place: Place): ModelVerdict {
  const repeat = probes.map(({ repeatMicroNats }) => repeatMicroNats);
  if (exceedsTwice(repeat, bound)) return rejected(finding(rules.deterministic, place, differs(repeat, bound, twice)));
  const lookahead = probes.map(({ lookaheadMicroNats }) => lookaheadMicroNats);
  if (exceedsTwice(lookahead, bound))
    return rejected(finding(rules.causality, place, differs(lookahead, bound, ahead)));
  const remarks = [
    isNotable(repeat) ? finding(rules.deterministic, place, differs(repeat, bound, twice)) : null,
    isNotable(lookahead) ? finding(rules.causality, place, differs(lookahead, bound, ahead)) : null,
  ];
  return { objections: [], remarks: remarks.filter((remark) => remark !== null) };
}

const twice = 'The same tokens twice give different logits';
const ahead = 'Logits change with tokens that come later in the row';

function exceedsTwice(differences: readonly number[], bound: number): boolean {
  return differences.filter((difference) => difference > bound).length >= 2;
}

function isNotable(differences: readonly number[]): boolean {
  return Math.max(0, ...differences) > notableMicroNats;
}

function differs(differences: readonly number[], bound: number, what: string): string {
  const most = (Math.max(...differences) / 1e6).toPrecision(2);
  return `${what}: a token's cost moves by up to ${most} nats, and ${bound / 1e6} convicts in a run.`;
}

function rejected(objection: Finding): ModelVerdict {
  return { objections: [objection], remarks: [] };
}

function finding(rule: string, { path, line }: Place, explanation: string): Finding {
  return { rule, path, line, column: null, node: null, excerptHash: null, explanation };
}

function count(elements: number): string {
  return elements.toLocaleString('en-US');
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
