/**
 * What one static rule looks for among the names that a module reaches (domain/ports/inspector.ts). A name matches when any of its
 * lists does; whether and how it is reached makes no difference: a reference is as good as a call.
 */
export type StaticRule = {
  readonly id: string;
  /** What is wrong, and what to do instead; a sentence or two for the miner. */
  readonly explanation: string;
  /** First parts of names: modules of their own. Of builtins, the module alone: its names lead everywhere. */
  readonly roots?: readonly string[];
  /** Names, with everything below them: `torch.hub` is also `torch.hub.load`. */
  readonly names?: readonly string[];
  /** Modules that other modules carry as attributes, with or without an underscore: `torch.os`, `collections._sys`. */
  readonly carried?: readonly string[];
  /** Attributes of whatever object. */
  readonly attributes?: readonly string[];
  /** Texts that are put together from pieces, as names are that shall not be seen. */
  readonly texts?: readonly string[];
};

/** A call that takes a path, which has to lie in `ctx.artifacts_dir`. */
export type PathRule = {
  readonly rule: string;
  readonly name: string;
  /** Its place among the arguments, and its name. */
  readonly position: number;
  readonly keyword: string;
};

/** Finds the first of the rules that looks for a name which was traced through the bundle's modules. */
export function ruleFinder(rules: readonly StaticRule[]): (name: string) => StaticRule | undefined {
  const listed = (list: 'roots' | 'names' | 'carried' | 'attributes' | 'texts') =>
    new Map(rules.flatMap((rule, at) => (rule[list] ?? []).map((each) => [each, at] as const)).toReversed());
  const [roots, names, carried] = [listed('roots'), listed('names'), listed('carried')];
  const [attributes, texts] = [listed('attributes'), listed('texts')];

  return (name) => {
    let first = rules.length;
    const look = (place: number | undefined) => {
      if (place !== undefined && place < first) first = place;
    };
    if (name.startsWith('"')) {
      look(texts.get(name.slice(1, -1)));
      return rules[first];
    }
    const [root = '', ...rest] = name.split('.');
    for (const part of rest) look(attributes.get(part));
    if (root === '?') return rules[first];
    if (name === root || root !== 'builtins') look(roots.get(root));
    let known = root;
    look(names.get(known));
    for (const part of rest) {
      look(carried.get(part.startsWith('_') ? part.slice(1) : part));
      known = `${known}.${part}`;
      look(names.get(known));
    }
    return rules[first];
  };
}
