import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { toAttachment } from '../../../domain/blob-digest.ts';
import { commandHandler } from '../../../domain/handle-command.ts';
import { deriveId, eventId } from '../../../domain/ids.ts';
import { isRejection } from '../../../domain/rejection.ts';
import type { SubmissionCommand } from '../../../domain/submission/commands.ts';
import { submissionAggregate } from '../../../domain/submission/decide.ts';
import { gateNames, submissionStream } from '../../../domain/submission/events.ts';
import { permits } from '../../../machines/submission-machine.ts';
import { projections } from '../../../projections/catalog.ts';
import { openProjectionDatabase } from '../../../projections/database.ts';
import { ensureLive } from '../../../projections/ensure-live.ts';
import { startProjector } from '../../../projections/projector.ts';
import { openStorage } from '../../../storage/open-storage.ts';
import {
  completedOutcome,
  conclude,
  contract,
  instant,
  receipt,
  recordGate,
  recordOutcome,
  requestRun,
  startAttempt,
} from '../../domain/submission-examples.ts';

/**
 * Takes numbered submissions through their whole lives, four at a time, while a projector follows, until it is killed.
 * Writes the ids of the events of each command once it knows that they are durable.
 */
const [, , dataDir = '', first = '1'] = process.argv;
const { log } = await openStorage({ dataDir });
const db = openProjectionDatabase(join(dataDir, 'read-models.sqlite'));
await ensureLive({ db, log, projections });
startProjector({ db, log, projections, onFault: () => process.exit(1) });
const submissions = commandHandler(log, submissionAggregate, permits);
let next = Number(first);

async function live(number: number): Promise<void> {
  const submissionId = `submission-${number}`;
  const { reference, attachment } = toAttachment(Buffer.from(submissionId));
  const received = { ...receipt, submissionId, bundle: reference, hotkey: `hotkey-${number % 7}` };
  const commands: readonly SubmissionCommand[] = [
    { kind: 'ReceiveSubmission', received },
    ...gateNames.map((gate) =>
      recordGate(
        gate,
        gate === 'contract' ? { kind: 'resolved', contract, gateVersion: '1' } : { kind: 'skipped', reason: 'off' },
      ),
    ),
    requestRun('score', 'score'),
    startAttempt('score', 1),
    recordOutcome('score', 1, completedOutcome),
    conclude,
  ];
  for (const command of commands) {
    const stream = submissionStream(submissionId);
    const causeId = deriveId('crash test', submissionId, JSON.stringify(command));
    const context = { causeId, correlationId: submissionId, at: instant(number) };
    const attachments = command.kind === 'ReceiveSubmission' ? [attachment] : [];
    const handled = await submissions.handle(stream, command, context, attachments);
    // An earlier life was further already.
    if (isRejection(handled)) continue;
    for (const index of handled.events.keys()) writeSync(1, `ack ${eventId(causeId, stream, index)}\n`);
  }
}

async function liveForEver(): Promise<never> {
  for (;;) {
    next += 1;
    await live(next - 1);
  }
}

await Promise.all([1, 2, 3, 4].map(liveForEver));
