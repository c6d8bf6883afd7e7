import type { JsonObject } from './json.ts';

/** Turns the data of one version of an event into the next version's. Pure, and total over what that version could hold. */
export type Upcast = (data: JsonObject) => JsonObject;

/**
 * By event type, the steps from version to version: the first leads from 1 to 2, the next from 2 to 3. A type's newest
 * version is therefore one more than it has steps, and a new version can't be made without saying how old ones read.
 */
export type Upcasters = Readonly<Record<string, readonly Upcast[]>>;

/**
 * Applied whenever an event is read, after its bytes were verified: what is stored, hashed and exported stays as it was
 * written. Empty: every type is at its first version.
 */
export const upcasters: Upcasters = {};
