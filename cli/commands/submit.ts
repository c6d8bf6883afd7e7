import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isSettled, receivedAnswer, type SubmissionAnswer, submissionAnswer } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { readBundle } from '../read-bundle.ts';
import type { ServiceClient } from '../service-client.ts';
import { describeSubmission } from './status.ts';

export type Received = { readonly id: string; readonly hotkey: string; readonly status: string };

/** Hands a bundle in over the bridge route. The same bundle by the same hotkey is the same submission. */
export async function handIn(client: ServiceClient, path: string, hotkey: string): Promise<Received> {
  const archive = await readBundle(path);
  const name = basename(path);
  return client.post('/internal/v1/bridge/submissions', receivedAnswer, archive, {
    'content-type': 'application/zip',
    'x-platform-verified-hotkey': hotkey,
    'x-submission-filename': name.endsWith('.zip') ? name : `${name}.zip`,
  });
}

const pollMs = 500;

/** Follows a submission until nothing more happens by itself, and tells each change. */
export async function waitFor(
  client: ServiceClient,
  id: string,
  onChange: (submission: SubmissionAnswer) => void,
): Promise<SubmissionAnswer> {
  let last = '';
  for (;;) {
    const submission = await client.get(`/v1/submissions/${id}`, submissionAnswer);
    const line = describeSubmission(submission);
    if (line !== last) onChange(submission);
    last = line;
    if (isSettled(submission.status)) return submission;
    await delay(pollMs);
  }
}

export async function submit(
  client: ServiceClient,
  path: string,
  options: { readonly hotkey: string; readonly wait: boolean },
  output: Output,
): Promise<number> {
  const received = await handIn(client, path, options.hotkey);
  if (!options.wait) {
    output.result(received, () => `${received.id}  ${received.status}`);
    return exitCodes.ok;
  }
  output.note(`submission ${received.id}`);
  const submission = await waitFor(client, received.id, (changed) => output.note(describeSubmission(changed)));
  output.result(submission, () => describeSubmission(submission));
  return submission.status === 'completed' ? exitCodes.ok : exitCodes.negative;
}
