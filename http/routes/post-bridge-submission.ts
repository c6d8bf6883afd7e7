import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { dueSubmissionsProjection } from '../../projections/due-submissions.ts';
import type { Projected } from '../../projections/read-your-writes.ts';
import { submissionsProjection } from '../../projections/submissions.ts';
import { problem } from '../problem.ts';
import { parseQuery } from '../query.ts';
import { type ReceiveDependencies, receiptBody, receiveBundle } from '../receive-bundle.ts';
import { readSubmittedBundle } from '../submission-body.ts';
import { retryAfter } from '../wait-for-projections.ts';

/** Both names are in use; the bridge alone can set them, since the route takes the shared token. */
const hotkeyHeaders = ['X-Platform-Verified-Hotkey', 'X-Base-Verified-Hotkey'];

/** Printable ASCII; what else a hotkey must be is the bridge's business, who has verified it. */
const hotkeyPattern = /^[\x21-\x7e]{1,128}$/;

const querySchema = z.object({ wait: z.enum(['projected']).optional() });

/**
 * `POST /internal/v1/bridge/submissions`: a bundle of a hotkey that the bridge has verified. 201 with the new
 * submission, 200 with the one that is already there; the miner's own identity headers mean nothing here. With
 * `?wait=projected` it answers once queries show the submission; where that takes longer than the bound, 202 with
 * `Retry-After`: it is received all the same. `position` is what a query waits for with `?wait=projected&position=`.
 */
export function postBridgeSubmission(
  deps: ReceiveDependencies,
  { projected }: { readonly projected: Projected },
): Middleware {
  return async (ctx) => {
    const { wait } = parseQuery(ctx, querySchema);
    const hotkey = verifiedHotkey(ctx);
    const receipt = await receiveBundle(deps, hotkey, 'bridge', await readSubmittedBundle(ctx));
    const { isNew, state, position } = receipt;
    const isSeen = wait === undefined || (await projected(position, [submissionsProjection, dueSubmissionsProjection]));
    const status = isNew ? 201 : 200;
    ctx.status = isSeen ? status : 202;
    if (!isSeen) ctx.set(retryAfter);
    ctx.set('Location', `/v1/submissions/${state.identity.submissionId}`);
    ctx.body = receiptBody(receipt);
  };
}

function verifiedHotkey(ctx: Context): string {
  const given = new Set(hotkeyHeaders.map((header) => ctx.get(header).trim()).filter((value) => value !== ''));
  const [hotkey, other] = given;
  if (hotkey === undefined) throw problem('badRequest', `${hotkeyHeaders.join(' or ')} is missing.`);
  if (other !== undefined) throw problem('badRequest', `${hotkeyHeaders.join(' and ')} disagree.`);
  if (!hotkeyPattern.test(hotkey)) throw problem('badRequest', 'The verified hotkey is no hotkey.');
  return hotkey;
}
