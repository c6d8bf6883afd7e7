import { z } from 'zod';

/** Lower-case hex SHA-256. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);

export const blobReferenceSchema = z.strictObject({
  sha256: digestSchema,
  bytes: z.int().nonnegative(),
  keyId: z.string().nullable(),
});

/** Non-negative integer below 2⁵³. */
export const countSchema = z.int().nonnegative();

/** ISO 8601 UTC with milliseconds. */
export const instantSchema = z.iso.datetime({ precision: 3 });

/** Policy version an event was judged under, from 1. */
export const policyVersionSchema = z.int().positive();
