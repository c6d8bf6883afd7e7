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

/** Whether a name that was traced through the bundle's modules is one that the rule looks for. */
export function matches(rule: StaticRule, name: string): boolean {
  if (name.startsWith('"')) return rule.texts?.includes(name.slice(1, -1)) ?? false;
  const [root = '', ...rest] = name.split('.');
  return (
    rest.some((part) => rule.attributes?.includes(part)) ||
    (root !== '?' &&
      (((name === root || root !== 'builtins') && (rule.roots?.includes(root) ?? false)) ||
        rest.some((part) => rule.carried?.includes(part.replace(/^_/, ''))) ||
        (rule.names?.some((named) => name === named || name.startsWith(`${named}.`)) ?? false)))
  );
}
