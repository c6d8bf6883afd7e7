import type { RouterMiddleware } from '@koa/router';
import type { CommandHandler } from '../../domain/handle-command.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SlotEvent } from '../../domain/slot/events.ts';
import type { SlotCommand, SlotState } from '../../domain/slot/slot.ts';
import { rejectionProblem } from '../problem.ts';
import { decisionSchema, readDecision } from '../read-decision.ts';

export type DecideSlotDependencies = {
  readonly commands: Pick<CommandHandler<SlotState, SlotCommand, SlotEvent>, 'handle'>;
  readonly now: () => Date;
  readonly newId: () => string;
};

/**
 * `POST /internal/v1/slots/{slot}/quarantine` and `…/restore` with `operator` and `reason`. A quarantined slot ends what it runs and takes
 * no more leases until it is restored; what an operator has closed, only an operator opens. What is already so changes nothing.
 */
export function postSlotDecision(
  { commands, now, newId }: DecideSlotDependencies,
  kind: 'QuarantineSlot' | 'RestoreSlot',
): RouterMiddleware {
  return async (ctx) => {
    const decision = await readDecision(ctx, decisionSchema);
    const slot = ctx.params.slot ?? '';
    const context = { causeId: newId(), correlationId: slot, at: now().toISOString() };
    const handled = await commands.handle(slot, { kind, ...decision }, context);
    if (isRejection(handled)) throw rejectionProblem(handled);
    const quarantine = handled.state.kind === 'registered' ? handled.state.quarantine : null;
    ctx.body = { slot, quarantine: quarantine?.reason ?? null, position: handled.position };
  };
}
