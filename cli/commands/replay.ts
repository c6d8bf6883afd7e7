import { buffer } from 'node:stream/consumers';
import { type Config, storageLocation } from '../../config.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { policiesOf, policyAggregate } from '../../domain/policy/policy-aggregate.ts';
import type { BlobReference } from '../../domain/ports/blobs.ts';
import type { SubmissionEvent, SubmissionEventData } from '../../domain/submission/events.ts';
import { type AttemptFiles, type PlacedCommitments, type Replayed, replay } from '../../domain/submission/replay.ts';
import { readCommitments } from '../../executor/commitments.ts';
import { storedMeasurement } from '../../executor/held-out-result.ts';
import { readStoredAttempt } from '../../executor/read-run-files.ts';
import { openStorage, type Storage } from '../../storage/open-storage.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Output, table } from '../output.ts';
import { submissionHistory } from '../submission-history.ts';

/** Computes a submission's numbers anew from what the data folder stores of it, beside a running service or without one. */
export async function replaySubmission(config: Config, id: string, output: Output): Promise<number> {
  const storage = await openStorage({ ...storageLocation(config), readOnly: true });
  try {
    const history = await submissionHistory(storage, id);
    const policies = policiesOf(commandHandler(storage.log, policyAggregate));
    const replayed = await replay(history, {
      filesOf: (completed) => filesOf(storage, completed),
      heldOutOf: async ({ result }) => storedMeasurement(await buffer(await storage.blobs.open(result.sha256))),
      committedIn: ({ commitments }) => committedIn(storage, commitments),
      policyOf: policies.ofVersion,
    });
    output.result({ submissionId: id, replayed }, () => describe(history, replayed));
    return replayed.some(({ isEqual }) => isEqual === false) ? exitCodes.negative : exitCodes.ok;
  } finally {
    await storage.close();
  }
}

async function filesOf(
  { blobs }: Storage,
  { record, cuts, manifest, keys }: SubmissionEventData<'AttemptCompleted'>,
): Promise<AttemptFiles> {
  const bytesOf = async (reference: BlobReference | null) =>
    reference === null ? null : buffer(await blobs.open(reference.sha256));
  const files = { record: await bytesOf(record), cuts: await bytesOf(cuts), manifest: await bytesOf(manifest) };
  return readStoredAttempt(files, keys?.cuts ?? '');
}

async function committedIn({ blobs }: Storage, commitments: BlobReference | null): Promise<PlacedCommitments | null> {
  return commitments === null ? null : readCommitments(await buffer(await blobs.open(commitments.sha256)));
}

function describe(history: readonly SubmissionEvent[], replayed: readonly Replayed[]): string {
  if (replayed.length === 0) return 'There is nothing to compute anew yet.';
  return table(
    ['event', 'what', 'computed anew'],
    replayed.map(({ index, what, isEqual }) => [history[index]?.type ?? '', what, inWords(isEqual)]),
  );
}

function inWords(isEqual: boolean | null): string {
  if (isEqual === null) return 'not compared: examined by another version of the tests';
  return isEqual ? 'the same, to the last bit' : 'DIFFERS';
}
