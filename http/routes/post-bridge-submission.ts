import type { Context, Middleware } from 'koa';
import { problem } from '../problem.ts';
import { type ReceiveDependencies, receiptBody, receiveBundle } from '../receive-bundle.ts';
import { readSubmittedBundle } from '../submission-body.ts';

/** Both names are in use; the bridge alone can set them, since the route takes the shared token. */
const hotkeyHeaders = ['X-Platform-Verified-Hotkey', 'X-Base-Verified-Hotkey'];

/** Printable ASCII; what else a hotkey must be is the bridge's business, who has verified it. */
const hotkeyPattern = /^[\x21-\x7e]{1,128}$/;

/**
 * `POST /internal/v1/bridge/submissions`: a bundle of a hotkey that the bridge has verified. 201 with the new
 * submission, 200 with the one that is already there; the miner's own identity headers mean nothing here.
 */
export function postBridgeSubmission(deps: ReceiveDependencies): Middleware {
  return async (ctx) => {
    const hotkey = verifiedHotkey(ctx);
    const { isNew, state } = await receiveBundle(deps, hotkey, 'bridge', await readSubmittedBundle(ctx));
    ctx.status = isNew ? 201 : 200;
    ctx.set('Location', `/v1/submissions/${state.identity.submissionId}`);
    ctx.body = receiptBody(state);
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
