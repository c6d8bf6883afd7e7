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
  /** SHA-256 of the source without comments, docstrings and formatting. */
  readonly canonicalHash: string;
  /** Comments, docstrings and other strings that stand for themselves: from and to (exclusive), in bytes of the source. */
  readonly prose: readonly (readonly [number, number])[];
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
