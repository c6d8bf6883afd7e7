/** Tars that go into and come out of a referee's private volume. Nothing here touches the host's file system. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, type Header, pack } from 'tar-stream';
import { commitmentsLimitBytes } from './commitments.ts';
import type { RefereeFiles } from './read-run-files.ts';
import { cutsLimitBytes } from './run-cuts.ts';
import { manifestLimitBytes } from './run-manifest.ts';
import { recordLimitBytes } from './run-record.ts';
import type { RunSpec } from './run-spec.ts';

export const attemptFolder = '/attempt';
export const outputFolder = '/attempt/out';

const refereeOwned = { uid: 10_001, gid: 10_001 };

type Entry = { readonly name: string; readonly content: Uint8Array | null };

/** The referee's inputs, and the folder for its outputs, which it owns. */
export function inputArchive(spec: RunSpec, bundle: Uint8Array): Promise<Uint8Array> {
  return tarOf([
    { name: 'in', content: null },
    { name: 'out', content: null },
    { name: 'in/spec.json', content: Buffer.from(JSON.stringify(spec)) },
    { name: 'in/bundle', content: bundle },
  ]);
}

/** Files are read-only for everybody, folders writable for the referee. */
export async function tarOf(entries: readonly Entry[]): Promise<Uint8Array> {
  const tar = pack();
  for (const { name, content } of entries) {
    if (content === null) tar.entry({ name, type: 'directory', mode: 0o755, ...refereeOwned });
    else tar.entry({ name, mode: 0o444, size: content.byteLength, ...refereeOwned }, Buffer.from(content));
  }
  tar.finalize();
  return buffer(Readable.from(tar));
}

/** A tar that holds what it should not; the referee's volume can't be trusted any more. */
export class UnexpectedArchiveError extends Error {
  override readonly name = 'UnexpectedArchiveError';
}

const recordName = 'record.json';
const cutsName = 'cuts.json';
const commitmentsName = 'commitments.jsonl';
const manifestName = 'prism_run_manifest.v2.json';
const outputLimits: Readonly<Record<string, number>> = {
  [recordName]: recordLimitBytes,
  [cutsName]: cutsLimitBytes,
  [commitmentsName]: commitmentsLimitBytes,
  [manifestName]: manifestLimitBytes,
};

/** Null for what isn't there; `commitments` is there as soon as a run has begun. */
export type Outputs = RefereeFiles & { readonly commitments: Uint8Array | null };

/**
 * Reads the files by their fixed names. Links, devices and files over their limit are refused
 * (`UnexpectedArchiveError`); other plain files, such as an unfinished temporary one, are passed over.
 */
export async function readOutputs(tar: Readable): Promise<Outputs> {
  const files = await readEntries(tar, outputLimits);
  const read = (name: string) => files.get(name) ?? null;
  const [record, cuts, manifest] = [read(recordName), read(cutsName), read(manifestName)];
  return { record, cuts, manifest, commitments: read(commitmentsName) };
}

/** Plain files of a tar by their last path component, as far as `limits` names them. */
export async function readEntries(
  tar: Readable,
  limits: Readonly<Record<string, number>>,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const entries = extract();
  // A tar that breaks off must end the loop below with its error.
  tar.once('error', (error) => entries.destroy(error));
  tar.once('close', () => {
    if (!tar.readableEnded) entries.destroy(new Error('the archive broke off'));
  });
  tar.pipe(entries);
  for await (const entry of entries) {
    const name = checkedName(entry.header, limits);
    if (name === null) entry.resume();
    else files.set(name, await buffer(entry));
  }
  return files;
}

function checkedName({ name, type, size }: Header, limits: Readonly<Record<string, number>>): string | null {
  if (type === 'directory') return null;
  if (type !== 'file') throw new UnexpectedArchiveError(`${name} is a ${type}`);
  const last = name.slice(name.lastIndexOf('/') + 1);
  const limit = Object.hasOwn(limits, last) ? limits[last] : undefined;
  if (limit === undefined) return null;
  if ((size ?? 0) > limit) throw new UnexpectedArchiveError(`${name} has ${size} bytes, the limit is ${limit}`);
  return last;
}
