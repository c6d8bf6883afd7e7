/** The package is CommonJS and exports the function itself; its own declaration claims an ES default export. */
declare module 'canonicalize' {
  function canonicalize(value: unknown): string | undefined;
  export = canonicalize;
}
