import { S3ServiceException } from '@aws-sdk/client-s3';
import { BlobsUnavailableError } from '../domain/ports/blobs-errors.ts';
import type { S3Location } from './s3-location.ts';

/** What a request threw, and whether another try may succeed. */
export type S3Fault = { readonly kind: 'transient' | 'lasting'; readonly error: unknown };

const lastingNames: ReadonlySet<string> = new Set(['CredentialsProviderError', 'TokenProviderError']);

/** An answer of the server, its silence, or the lack of credentials is the store's fault; anything else is thrown as it is. */
export function faultOfS3({ bucket, endpoint }: S3Location, error: unknown): S3Fault {
  if (!(error instanceof Error)) return { kind: 'lasting', error };
  const where = `blobs in s3://${bucket}${endpoint === null ? '' : ` at ${endpoint}`}`;
  if (lastingNames.has(error.name)) {
    return { kind: 'lasting', error: new BlobsUnavailableError(`${where}: no credentials`, error.name, error) };
  }
  const code = codeOf(error);
  if (code === null) return { kind: 'lasting', error };
  const message = `${where}: ${error instanceof S3ServiceException ? 'the server refused' : 'no answer'} (${code})`;
  return {
    kind: mayPass(error) ? 'transient' : 'lasting',
    error: new BlobsUnavailableError(message, code, error),
  };
}

/** No such object. A bucket that isn't there is no such thing: that is a fault. */
export function isAbsent(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound');
}

/** Null for an error that is neither the server's nor the network's. */
function codeOf(error: Error): string | null {
  // An answer to HEAD has no body to tell a code.
  if (error instanceof S3ServiceException) {
    return error.name === 'Unknown' ? `HTTP ${error.$metadata.httpStatusCode}` : error.name;
  }
  if (error.name === 'TimeoutError') return error.name;
  const code = 'code' in error ? String(error.code) : '';
  return /^E(?!RR_)[A-Z_]+$/.test(code) ? code : null;
}

/** Bytes that were damaged on their way, or came too slowly, are refused as if the request had been wrong. */
const passingNames: ReadonlySet<string> = new Set(['BadDigest', 'RequestTimeout']);

function mayPass(error: Error): boolean {
  if (!(error instanceof S3ServiceException) || passingNames.has(error.name)) return true;
  const status = error.$metadata.httpStatusCode ?? 500;
  return status >= 500 || status === 429;
}
