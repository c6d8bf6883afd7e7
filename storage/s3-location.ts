import { z } from 'zod';
import { UnsupportedStorageError } from './storage-url.ts';

/** A bucket, and where in it. Credentials come from the environment, as everywhere where the AWS SDK is used. */
export type S3Location = {
  readonly bucket: string;
  /** What keys begin with: empty, or ending in `/`. */
  readonly prefix: string;
  /** Null: AWS itself. */
  readonly endpoint: string | null;
  /** Null: the environment's. */
  readonly region: string | null;
  /** Whether the bucket stands in the path and not in the host's name. */
  readonly pathStyle: boolean;
};

const optionsSchema = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional(),
  pathStyle: z.enum(['true', 'false']).optional(),
});

/**
 * Reads `s3://bucket[/prefix][?endpoint=https://…][&region=…][&pathStyle=true|false]`. With an endpoint the bucket stands in
 * the path unless `pathStyle=false` says otherwise, and the region is `us-east-1`, as compatible servers have it. Throws
 * `UnsupportedStorageError`.
 */
export function parseS3Url(url: string): S3Location {
  const [, bucket, path = '', query = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?(?:\?(.*))?$/.exec(url) ?? [];
  if (bucket === undefined) throw new UnsupportedStorageError('blobs in S3 are s3://<bucket>[/<prefix>][?endpoint=…]');
  const parsed = optionsSchema.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UnsupportedStorageError(`s3://${bucket}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'invalid'}`);
  }
  const { endpoint = null, region = endpoint === null ? null : 'us-east-1', pathStyle } = parsed.data;
  const folder = path.replaceAll(/^\/+|\/+$/g, '');
  return {
    ...{ bucket, endpoint, region },
    prefix: folder === '' ? '' : `${folder}/`,
    pathStyle: pathStyle === undefined ? endpoint !== null : pathStyle === 'true',
  };
}
