/** A storage url that names no adapter of ours, or not in a way that we understand. It never repeats the url, which may hold a password. */
export class UnsupportedStorageError extends Error {
  override readonly name = 'UnsupportedStorageError';
}

/** Scheme and rest of `<scheme>:<rest>`; empty where the text is no url. */
export function splitUrl(url: string): { readonly scheme: string; readonly rest: string } {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+]*):(.*)$/.exec(url) ?? [];
  return { scheme, rest };
}

/** A url as it may be shown: without user and password. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^@/?]*@/, '//');
}
