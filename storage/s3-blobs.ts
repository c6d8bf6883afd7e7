import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isDigest, toAttachment, UnknownBlobError } from '../domain/blob-digest.ts';
import type { BlobReference, Blobs } from '../domain/ports/blobs.ts';
import { BlobsUnavailableError } from '../domain/ports/blobs-errors.ts';
import { writeHashed } from './hashed-file.ts';
import { faultOfS3, isAbsent } from './s3-faults.ts';
import type { S3Location } from './s3-location.ts';
import { verified } from './verified-stream.ts';

export type S3Blobs = Blobs & { close(): void };

export type S3Options = {
  readonly location: S3Location;
  /** Where a stream waits until its digest, and so its key, is known. */
  readonly spoolFolder: string;
  /** Pauses before the second, third … try. */
  readonly pausesMs?: readonly number[];
};

const defaultPausesMs = [100, 400, 1_600];

/**
 * Blobs in a bucket, for any number of hosts: `<prefix><first two hex digits>/<digest>`, the names that `fileBlobs` gives its files, so
 * that a folder can be copied into a bucket as it is.
 *
 * One request stores a blob, whole or not at all, and only if its bytes have the digest that it goes with; S3 answers when they are durable.
 * A read checks the digest again. Works with S3 and servers that speak its protocol; blobs are limited to 5 GiB, the most that one request may carry.
 */
export function s3Blobs({ location, spoolFolder, pausesMs = defaultPausesMs }: S3Options): S3Blobs {
  const client = clientFor(location);
  const { bucket, prefix } = location;
  const at = (sha256: string) => ({ Bucket: bucket, Key: `${prefix}${sha256.slice(0, 2)}/${sha256}` });
  const ask = <T>(request: () => Promise<T>) => askAgain(location, pausesMs, request);

  async function putObject({ sha256, bytes }: BlobReference, body: () => Uint8Array | Readable): Promise<void> {
    const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
    const object = { ...at(sha256), ContentLength: bytes, ChecksumSHA256 };
    await ask(() => client.send(new PutObjectCommand({ ...object, Body: body() })));
  }

  async function putStream(content: Readable): Promise<BlobReference> {
    const spooled = join(spoolFolder, randomUUID());
    try {
      await mkdir(spoolFolder, { recursive: true });
      const reference = await writeHashed(spooled, content, { sync: false });
      await putObject(reference, () => createReadStream(spooled));
      return reference;
    } finally {
      content.destroy();
      await rm(spooled, { force: true });
    }
  }

  return {
    async put(content) {
      if (content instanceof Readable) return putStream(content);
      const { reference } = toAttachment(content);
      await putObject(reference, () => content);
      return reference;
    },
    async open(sha256) {
      if (!isDigest(sha256)) throw new UnknownBlobError(sha256);
      const object = await ask(() => client.send(new GetObjectCommand(at(sha256))).catch(absentAs(null)));
      if (object === null) throw new UnknownBlobError(sha256);
      if (!(object.Body instanceof Readable)) throw new BlobsUnavailableError(`${sha256} came without a body`, null);
      return verified(object.Body, sha256);
    },
    async has(sha256) {
      if (!isDigest(sha256)) return false;
      const head = () => client.send(new HeadObjectCommand(at(sha256)));
      return ask(() => head().then(() => true, absentAs(false)));
    },
    close: () => client.destroy(),
  };
}

/** The SDK would tell on the console that it doesn't repeat a streamed request, which we do. */
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Tries once; what another try may mend is tried again after a pause, in `askAgain`, where a body can be opened anew. */
function clientFor({ endpoint, region, pathStyle }: S3Location): S3Client {
  return new S3Client({
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    // The digest goes with every request and is checked on every read: no other checksum, which not every server knows.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: quiet,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
  });
}

async function askAgain<T>(location: S3Location, pausesMs: readonly number[], request: () => Promise<T>): Promise<T> {
  for (const pauseMs of [...pausesMs, null]) {
    try {
      return await request();
    } catch (error) {
      const fault = faultOfS3(location, error);
      if (pauseMs === null || fault.kind === 'lasting') throw fault.error;
      await delay(pauseMs * (0.5 + Math.random() / 2));
    }
  }
  throw new Error('unreachable: the last try returns or throws');
}

function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isAbsent(error)) return value;
    throw error;
  };
}
