/** Tars that go into and come out of a referee's private volume. Nothing here touches the host's file system. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { extract, type Header, type Pack, pack } from 'tar-stream';
import { cutsLimitBytes } from '../domain/integrity/cuts-size.ts';
import type { BlobReference } from '../domain/ports/blobs.ts';
import { commitmentsLimitBytes } from './commitments.ts';
import { heldOutLimitBytes } from './held-out-result.ts';
import type { RefereeFiles } from './read-run-files.ts';
import { manifestLimitBytes } from './run-manifest.ts';
import { recordLimitBytes } from './run-record.ts';
import type { RunSpec } from './run-spec.ts';

export const attemptFolder = '/attempt';
export const outputFolder = '/attempt/out';

const refereeOwned = { uid: 10_001, gid: 10_001 };

/** A file too large to be held: it is read when its turn comes. */
export type StoredFile = { readonly bytes: number; open(): Promise<Readable> };
type Entry = { readonly name: string; readonly content: Uint8Array | StoredFile | null };

/** The referee's inputs, and the folder for its outputs, which it owns. `state` is what a held-out run asks about. */
export function inputArchive(spec: RunSpec, bundle: Uint8Array, state: StoredFile | null = null): Readable {
  return tarStream([
    { name: 'in', content: null },
    { name: 'out', content: null },
    { name: 'in/spec.json', content: Buffer.from(JSON.stringify(spec)) },
    { name: 'in/bundle', content: bundle },
    ...(state === null ? [] : [{ name: `in/${stateName}`, content: state }]),
  ]);
}

export function tarOf(entries: readonly Entry[]): Promise<Uint8Array> {
  return buffer(tarStream(entries));
}

/** Files are read-only for everybody, folders writable for the referee. Ends with the error of a file that can't be read. */
function tarStream(entries: readonly Entry[]): Readable {
  const tar = pack();
  fill(tar, entries).catch((error: Error) => tar.destroy(error));
  return Readable.from(tar);
}

async function fill(tar: Pack, entries: readonly Entry[]): Promise<void> {
  for (const { name, content } of entries) {
    if (content === null) tar.entry({ name, type: 'directory', mode: 0o755, ...refereeOwned });
    else if (content instanceof Uint8Array) {
      tar.entry({ name, mode: 0o444, size: content.byteLength, ...refereeOwned }, Buffer.from(content));
    } else {
      const file = await content.open();
      await pipeline(file, tar.entry({ name, mode: 0o444, size: content.bytes, ...refereeOwned }));
    }
  }
  tar.finalize();
}

/** A tar that holds what it should not; the referee's volume can't be trusted any more. */
export class UnexpectedArchiveError extends Error {
  override readonly name = 'UnexpectedArchiveError';
}

const recordName = 'record.json';
const cutsName = 'cuts.json';
const commitmentsName = 'commitments.jsonl';
const manifestName = 'prism_run_manifest.v2.json';
const stateName = 'state.safetensors';
const heldOutName = 'heldout.json';
const outputLimits: Readonly<Record<string, number>> = {
  [recordName]: recordLimitBytes,
  [cutsName]: Number.POSITIVE_INFINITY, // above `cutsLimitBytes` it is passed over, and told
  [commitmentsName]: commitmentsLimitBytes,
  [manifestName]: manifestLimitBytes,
};

/** Where an exported state goes while it is read. */
export type StateKeeper = { readonly mostBytes: number; put(content: Readable): Promise<BlobReference> };

/** Null for what isn't there; `commitments` is there as soon as a run has begun, `state` is stored already. */
export type Outputs = RefereeFiles & {
  readonly commitments: Uint8Array | null;
  readonly state: BlobReference | null;
};

/**
 * Reads the files by their fixed names. Links, devices and files over their limit are refused
 * (`UnexpectedArchiveError`), but for cuts, of which `cutsAreTooLarge` tells; other plain files, such as an unfinished temporary one, are passed over.
 */
export async function readOutputs(tar: Readable, keeper: StateKeeper | null = null): Promise<Outputs> {
  let state: BlobReference | null = null;
  let cutsAreTooLarge = false;
  const limits = keeper === null ? outputLimits : { ...outputLimits, [stateName]: keeper.mostBytes };
  const files = await readEntries(tar, limits, async (name, content, bytes) => {
    if (name === cutsName && bytes > cutsLimitBytes) {
      cutsAreTooLarge = true;
      await finished(content.resume());
      return true;
    }
    if (name !== stateName || keeper === null) return false;
    state = await keeper.put(content);
    return true;
  });
  const read = (name: string) => files.get(name) ?? null;
  const [record, cuts, manifest] = [read(recordName), read(cutsName), read(manifestName)];
  return { record, cuts, manifest, cutsAreTooLarge, commitments: read(commitmentsName), state };
}

/** The one document of a held-out attempt, as `readOutputs` reads. */
export async function readHeldOutDocument(tar: Readable): Promise<Uint8Array | null> {
  return (await readEntries(tar, { [heldOutName]: heldOutLimitBytes })).get(heldOutName) ?? null;
}

/** Plain files of a tar by their last path component, as far as `limits` names them and `take` doesn't take them away. */
export async function readEntries(
  tar: Readable,
  limits: Readonly<Record<string, number>>,
  take: (name: string, content: Readable, bytes: number) => Promise<boolean> = async () => false,
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
    else {
      const content = Readable.from(entry);
      if (!(await take(name, content, entry.header.size ?? 0))) files.set(name, await buffer(content));
    }
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
