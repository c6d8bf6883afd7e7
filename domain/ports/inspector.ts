/** What CPython's own parser says about one module of a bundle. Lines and columns from 1. */
export type ModuleFacts = {
  readonly path: string;
  readonly error: { readonly line: number; readonly column: number; readonly message: string } | null;
  readonly symbols: readonly {
    readonly name: string;
    readonly callable: 'yes' | 'no' | 'unknown';
    readonly line: number;
  }[];
  readonly architectureName: string | null;
  /** Paths of the bundle modules that this one imports directly. */
  readonly imports: readonly string[];
  /** SHA-256 of the canonical source. */
  readonly canonicalHash: string;
  /** Comments, docstrings and other strings that stand for themselves: from and to (exclusive), in bytes of the source. */
  readonly prose: readonly (readonly [number, number])[];
  /** The source without comments, docstrings and formatting; empty where there is an error. */
  readonly canonicalSource: string;
  /** Every name that the module reaches, in the order of the source; of one that it reaches often, the first places. */
  readonly uses: readonly Use[];
  /** Every call of something known, in the order of the source. */
  readonly calls: readonly Call[];
  /** Names that the module binds to something from elsewhere, and where they lead. */
  readonly exports: Readonly<Record<string, readonly string[]>>;
  /** Attributes that the module gives to objects; `*` where it may give any. */
  readonly attributes: readonly string[];
  /** The call graph; the module's own statements are the function with the empty name. */
  readonly functions: readonly FunctionFacts[];
  /** The largest literals, largest first. Entropy in bits a byte, 0 … 8; columns in UTF-8 bytes. */
  readonly literals: readonly {
    readonly kind: 'text' | 'bytes' | 'integer' | 'collection';
    readonly bytes: number;
    readonly entropyBits: number;
    readonly line: number;
    readonly column: number;
  }[];
  /**
   * Each function and class of the module's own level, in the order of the source; all other statements come first, under no name. With 64-bit hashes of its code
   * without own names and texts, sets to compare by: 16 hexadecimal digits each, one behind the other. Of a module the 20,000 smallest where there are more.
   */
  readonly definitions: readonly { readonly name: string; readonly shingles: string }[];
};

/** Where something stands in a source; `node` is the class of the tree's node, the hash a SHA-256 of its source text. */
export type Site = {
  readonly node: string;
  readonly line: number;
  readonly column: number;
  readonly excerptHash: string;
};

/**
 * A name and where it leads: `torch.hub.load`, `builtins.open`; `blocks/mix.py::Mix` for what another module of the bundle
 * binds; `?.tofile` where nobody knows the object; `"eval"` for a text that is put together.
 */
export type Use = Site & { readonly name: string; readonly called: boolean };

/**
 * What an argument is: the text that it surely is, or null; names and attributes that it is surely made of, and marks, which begin with a dot: `..`
 * where a text has that; of one made of `artifacts_dir` also where it may lead out, `.x` where it comes through the attribute x, and then `.` where
 * the module's own calls hand on what it is made of.
 */
export type Argument = { readonly text: string | null; readonly mentions: readonly string[] };

export type Call = Site & {
  readonly name: string;
  readonly arguments: readonly Argument[];
  /** `**` stands for what is spread. */
  readonly keywords: Readonly<Record<string, Argument>>;
  /** Names and attributes in the conditions around it. */
  readonly guards: readonly string[];
};

export type FunctionFacts = {
  /** Qualified: `Model.forward`. */
  readonly name: string;
  readonly line: number;
  readonly lastLine: number;
  readonly calls: readonly string[];
  /** The functions of the module that call it, with names and attributes in the conditions around each call. */
  readonly callers: readonly { readonly name: string; readonly guards: readonly string[] }[];
};

/** The inspector can't answer now: our fault, and never a verdict on the source. */
export class InspectorUnavailableError extends Error {
  override readonly name = 'InspectorUnavailableError';
}

/**
 * Parses Python sources and never executes them. Deterministic for the same sources and inspector version. Throws `InspectorUnavailableError` when it
 * can't be asked; a source that the parser refuses is a module's `error`.
 */
export type Inspector = {
  inspect(sources: readonly { readonly path: string; readonly bytes: Uint8Array }[]): Promise<readonly ModuleFacts[]>;
};
