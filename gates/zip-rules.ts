/** What a bundle may weigh (CONTRACT §1). Bytes of source are counted while inflating; no header is believed. */
export const bundleLimits = {
  archiveBytes: 7_500_000,
  files: 200,
  /** Folder entries carry nothing, but each costs a header to read. */
  folders: 200,
  contentBytes: 2_000_000,
  /** A path in UTF-8 bytes; it also bounds how deep folders nest. */
  pathBytes: 240,
  /** Names, extra fields and comments together: what one read of the archive's directory may bring. */
  directoryBytes: 131_072,
} as const;

export const bundleSuffixes = ['.py', '.toml', '.yaml', '.yml', '.json', '.txt', '.md'] as const;

/** The closed list of what intake refuses; public, with the entry's name beside it. */
export const zipRules = {
  'prism:zip-not-an-archive': 'The body is not a ZIP archive.',
  'prism:zip-too-large': 'The archive is larger than 7,500,000 bytes.',
  'prism:zip-truncated': 'The archive ends before it should: its directory is missing or cut off.',
  'prism:zip-leading-bytes': 'The archive must begin with its first entry; something stands before it.',
  'prism:zip-trailing-bytes': 'Something stands behind the end of the archive.',
  'prism:zip-structure': 'The headers of the archive contradict each other or overlap, or leave bytes unaccounted for.',
  'prism:zip-zip64': 'ZIP64 headers are not needed for an archive this small.',
  'prism:zip-empty': 'The archive holds no file.',
  'prism:zip-too-many-files': 'The archive holds more than 200 files, or more than 200 folders.',
  'prism:zip-too-much-content': 'The files hold more than 2,000,000 bytes in all, counted while inflating.',
  'prism:zip-header-mismatch': "An entry's own header and the archive's directory disagree.",
  'prism:zip-encrypted': 'Entries must not be encrypted.',
  'prism:zip-method': 'Entries must be stored or deflated.',
  'prism:zip-symlink': 'Symbolic links are not allowed.',
  'prism:zip-special-file': 'Devices, pipes and sockets are not allowed.',
  'prism:zip-folder-content': 'A folder must not carry content.',
  'prism:zip-name-encoding': 'Names must be valid UTF-8.',
  'prism:zip-control-character': 'Names must not hold NULs, control characters or invisible formatting characters.',
  'prism:zip-backslash': 'Names must use `/`, never a backslash.',
  'prism:zip-drive-letter': 'Names must not hold a colon (drive letters, alternate streams).',
  'prism:zip-absolute-path': 'Paths must be relative.',
  'prism:zip-parent-path': 'Paths must not hold `..`.',
  'prism:zip-path-form': 'Paths must be 1 to 240 bytes, without empty segments and without `.` segments.',
  'prism:zip-nested-archive': 'Archives inside the archive are not allowed.',
  'prism:zip-suffix': 'Files must end in .py, .toml, .yaml, .yml, .json, .txt or .md.',
  'prism:zip-duplicate': 'Two paths are the same, or differ only by case or Unicode form.',
  'prism:zip-file-as-folder': 'A path is both a file and a folder.',
  'prism:zip-broken-content': 'The compressed bytes of an entry cannot be inflated.',
  'prism:zip-content-mismatch': "An entry's content has not the size or the checksum that its header states.",
} as const;

export type ZipRule = keyof typeof zipRules;

/** Which rule, at which entry (as printable text; null where it is the archive as a whole), and what was seen. */
export type Refusal = {
  readonly kind: 'refused';
  readonly rule: ZipRule;
  readonly entry: string | null;
  readonly detail: string;
};

export function refuse(rule: ZipRule, entry: string | null, seen?: string): Refusal {
  const detail = seen === undefined ? zipRules[rule] : `${zipRules[rule]} ${seen}`;
  return { kind: 'refused', rule, entry: entry === null ? null : printable(entry), detail };
}

/** A hostile name must not reach a terminal or a log as it is. */
function printable(name: string): string {
  return name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{FFFD}').slice(0, 200);
}
