import { type BundleFile, codeHash } from '../../domain/bundle.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { type PolicyDraft, policySchema } from '../../domain/policy/policy.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { isRejection } from '../../domain/rejection.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { slotAggregate } from '../../domain/slot/slot.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { gateNames, submissionStream } from '../../domain/submission/events.ts';
import { permits } from '../../machines/submission-machine.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { contract, receipt, requestRun } from '../domain/submission-examples.ts';

export const executorName = 'host';
export const device = 'cpu0';

export const bundleFiles = [
  { path: 'architecture.py', bytes: Buffer.from('def build_model(ctx):\n    ...\n') },
  { path: 'training.py', bytes: Buffer.from('def train(ctx):\n    ...\n') },
];

/** A log with queued submissions, as far as an executor looks at it, and the two commands that make work for it. */
export function leasedSubmissions(draft: PolicyDraft = {}, log: EventLog = memoryEventLog()) {
  const submissions = commandHandler(log, submissionAggregate, permits);
  const slots = commandHandler(log, slotAggregate);
  const policy = policySchema.parse({ deviceClasses: ['cpu'], ...draft });
  const stream = slotStream(executorName, device);
  let causes = 0;
  const context = (correlationId: string) => {
    causes += 1;
    return { causeId: `cause-${causes}`, correlationId, at: new Date().toISOString() };
  };

  async function tell(submissionId: string, command: SubmissionCommand): Promise<void> {
    const handled = await submissions.handle(submissionStream(submissionId), command, context(submissionId));
    if (isRejection(handled)) throw new Error(`${command.kind}: ${handled.detail}`);
  }

  return {
    log,
    submissions,
    slots,
    policy,
    tell,
    /** Through all gates, with a score run waiting. */
    async submit(submissionId: string, files: readonly BundleFile[] = bundleFiles): Promise<void> {
      const received = { ...receipt, submissionId, codeHash: codeHash(files) };
      await tell(submissionId, { kind: 'ReceiveSubmission', received });
      for (const gate of gateNames) {
        const resolved = { kind: 'resolved', contract, gateVersion: '1' } as const;
        const skipped = { kind: 'skipped', reason: 'switched off' } as const;
        await tell(submissionId, {
          kind: 'RecordGate',
          gate,
          result: gate === 'contract' ? resolved : skipped,
          policyVersion: 1,
        });
      }
      await tell(submissionId, requestRun('score', 'score'));
    },
    async grant(submissionId: string, attempt = 1, deadlineAt = new Date(Date.now() + 3_600_000)): Promise<void> {
      const command = {
        kind: 'GrantLease',
        submissionId,
        run: 'score',
        attempt,
        deadlineAt: deadlineAt.toISOString(),
      } as const;
      const handled = await slots.handle(stream, command, context(submissionId));
      if (isRejection(handled)) throw new Error(handled.detail);
    },
    /** Resolves with the stream's events once `type` is among them `count` times. */
    async until(
      streamName: string,
      type: string,
      count = 1,
    ): Promise<readonly { readonly type: string; readonly data: Record<string, unknown> }[]> {
      let subscription: { close(): Promise<void> } | null = null;
      let seen = 0;
      await new Promise<void>((resolve) => {
        subscription = log.subscribe(0, (page) => {
          seen += page.filter(({ envelope }) => envelope.stream === streamName && envelope.type === type).length;
          if (seen >= count) resolve();
        });
      });
      await (subscription as { close(): Promise<void> } | null)?.close();
      return (await log.readStream(streamName)).map(({ envelope }) => ({
        type: envelope.type,
        data: { ...envelope.data },
      }));
    },
    slot: stream,
    stream: submissionStream,
  };
}
