import { randomBytes } from 'node:crypto';
import type { Finding, ReviewDoubt } from '../../domain/submission/events.ts';
import { type ChatClient, NoAnswerError } from './chat-client.ts';
import { type Opinion, opinionOf } from './opinion.ts';
import { type Message, messagesFor, type Question } from './prompt.ts';
import { partsOf, type ReviewedFile, type ReviewPass, reviewPasses } from './reviewed-source.ts';

/** One request, word for word, every reply to it, and what the last one came to. */
export type Exchange = {
  readonly pass: ReviewPass;
  readonly part: number;
  readonly of: number;
  readonly messages: readonly Message[];
  readonly replies: readonly string[];
  readonly opinion: Opinion;
};

export type BundleReview = {
  readonly verdict: 'passed' | 'failed' | 'held';
  readonly findings: readonly Finding[];
  readonly doubts: readonly ReviewDoubt[];
  readonly exchanges: readonly Exchange[];
};

/** Characters of source that one request carries at most (CONTRACT §2). */
export const partCharacters = 200_000;
const tries = 2;
const requestsAtOnce = 4;

/**
 * Has every line of a bundle read twice: as it is, and its code alone, since a comment may have talked the reviewer over. Rejects only for
 * what the second look has seen; holds for any doubt; passes when every reply is clean. Throws `NoAnswerError` where one stays out:
 * half a review is none.
 */
export async function reviewBundle(
  ask: ChatClient,
  files: readonly ReviewedFile[],
  signal: AbortSignal,
  limit = partCharacters,
  newNonce = () => randomBytes(16).toString('hex'),
): Promise<BundleReview> {
  const questions = reviewPasses.flatMap((pass) => questionsOf(files, pass, limit, newNonce));
  const exchanges = await askAll(questions, (question, abort) => exchange(ask, question, files, abort), signal);
  const findings = exchanges.flatMap(({ opinion }) => (opinion.kind === 'rejects' ? opinion.findings : []));
  const doubts = exchanges.flatMap(({ opinion }) => (opinion.kind === 'doubtful' ? [opinion.doubt] : []));
  if (findings.length > 0) return { verdict: 'failed', findings: distinct(findings), doubts: [], exchanges };
  if (doubts.length > 0) return { verdict: 'held', findings: [], doubts: [...new Set(doubts)].toSorted(), exchanges };
  return { verdict: 'passed', findings: [], doubts: [], exchanges };
}

function questionsOf(
  files: readonly ReviewedFile[],
  pass: ReviewPass,
  limit: number,
  newNonce: () => string,
): readonly Question[] {
  return partsOf(files, pass, limit).map((source, index, { length }) => {
    let nonce = newNonce();
    while (source.includes(nonce)) nonce = newNonce();
    return { pass, part: index + 1, of: length, source, nonce };
  });
}

/** An unusable reply is asked for once more, as is one that didn't come; then it stands as it is. */
async function exchange(
  ask: ChatClient,
  question: Question,
  files: readonly ReviewedFile[],
  signal: AbortSignal,
): Promise<Exchange> {
  const { pass, part, of } = question;
  const messages = messagesFor(question);
  const replies: string[] = [];
  for (let tried = 1; ; tried += 1) {
    const isLast = tried === tries;
    try {
      const reply = await ask(messages, signal);
      replies.push(reply.text);
      const opinion = opinionOf(reply, files);
      const isUnusable = opinion.kind === 'doubtful' && opinion.doubt === 'unparseable';
      if (!isUnusable || isLast) return { pass, part, of, messages, replies, opinion };
    } catch (error) {
      if (isLast || !(error instanceof NoAnswerError && error.isPassing)) throw error;
    }
  }
}

/** A few at once, in order. The first that throws ends the others. */
async function askAll<Result>(
  questions: readonly Question[],
  answer: (question: Question, signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const results: Result[] = [];
  const waiting = questions.entries();
  const worker = async () => {
    for (const [index, question] of waiting) results[index] = await answer(question, either);
  };
  const workers = Array.from({ length: Math.min(requestsAtOnce, questions.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    failed.abort();
    await Promise.allSettled(workers);
    throw error;
  }
  return results;
}

function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
