import { z } from 'zod';
import { type Message, tool, toolName } from './prompt.ts';

/** Any endpoint that speaks OpenAI's chat completions. */
export type ChatEndpoint = {
  /** Everything before `/chat/completions`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Read anew for every request, so that a new key needs no restart; null where the endpoint wants none. */
  readonly readKey: () => string | null;
  readonly timeoutMs: number;
  readonly clock: () => Date;
};

/** An answer of the model, whatever it is worth. `text` is the body as it came. */
export type ChatReply = {
  readonly text: string;
  readonly finishReason: string | null;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
};

/** Nobody answered: the network, the provider, or our own configuration. Says nothing about what was asked. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** When the provider wants to be asked again; null where it didn't say. */
  readonly retryAt: string | null;
  /** Whether asking once more at once is worth it. */
  readonly isPassing: boolean;
  /** Whether it would have met any question: a refusal of this one alone is no outage. */
  readonly isOutage: boolean;
  constructor(
    message: string,
    kind: { readonly retryAt?: string | null; readonly isPassing?: boolean; readonly isOutage?: boolean },
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.retryAt = kind.retryAt ?? null;
    this.isPassing = kind.isPassing ?? false;
    this.isOutage = kind.isOutage ?? true;
  }
}

export type ChatClient = (messages: readonly Message[], signal: AbortSignal) => Promise<ChatReply>;

const maxTokens = 4_096;
const bodyLimitBytes = 1_048_576;

/** Asks once, with the one tool forced. Throws `NoAnswerError`; its message never holds the key nor anything that the other side wrote. */
export function chatClient(endpoint: ChatEndpoint): ChatClient {
  const url = new URL('chat/completions', endpoint.baseUrl.replace(/\/*$/, '/'));
  return async (messages, signal) => {
    const response = await send(url, endpoint, messages, signal);
    if (!response.ok) throw await refusal(response, endpoint.clock());
    return parseReply(await readText(response, signal));
  };
}

async function send(
  url: URL,
  { model, readKey, timeoutMs }: ChatEndpoint,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<Response> {
  const key = keyOf(readKey);
  const request = {
    model,
    messages,
    temperature: 0,
    max_tokens: maxTokens,
    tools: [tool],
    tool_choice: { type: 'function', function: { name: toolName } },
  };
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(request),
      // A key must not follow a redirection to somebody else.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (cause) {
    throw broken(cause, signal);
  }
}

function keyOf(readKey: () => string | null): string | null {
  const key = readKeyOf(readKey);
  // Whoever makes a header of anything else complains by quoting it.
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) throw new NoAnswerError("the reviewer's key is no single word", {});
  return key;
}

function readKeyOf(readKey: () => string | null): string | null {
  try {
    return readKey();
  } catch (cause) {
    throw new NoAnswerError("the reviewer's key can't be read", {}, cause);
  }
}

/** The connection failed or broke off, or took too long; where we hung up ourselves, trying again is of no use. */
function broken(cause: unknown, signal: AbortSignal): NoAnswerError {
  const isTimeout = cause instanceof Error && cause.name === 'TimeoutError';
  const message = isTimeout ? 'the reviewer took too long' : 'the reviewer could not be reached';
  return new NoAnswerError(message, { isPassing: !signal.aborted, isOutage: !signal.aborted }, cause);
}

/** Refusals of one request's content: others may well be answered. */
const aboutContent = new Set([400, 413, 422]);

async function refusal(response: Response, now: Date): Promise<NoAnswerError> {
  await response.body?.cancel().catch(() => {});
  const { status } = response;
  const retryAt = retryTime(response.headers.get('retry-after'), now);
  return new NoAnswerError(`the reviewer answered HTTP ${status}`, {
    retryAt,
    isPassing: retryAt === null && status >= 500,
    isOutage: !aboutContent.has(status),
  });
}

const longestRetrySeconds = 3_600;

/** `Retry-After` (RFC 9110 §10.2.3), seconds or a date; at most an hour is believed. Null where there is none that can be read. */
export function retryTime(header: string | null, now: Date): string | null {
  if (header === null) return null;
  const seconds = /^\d{1,10}$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now.getTime()) / 1_000;
  if (Number.isNaN(seconds)) return null;
  const bounded = Math.min(longestRetrySeconds, Math.max(0, seconds));
  return new Date(now.getTime() + bounded * 1_000).toISOString();
}

async function readText(response: Response, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > bodyLimitBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw broken(cause, signal);
  }
  if (bytes > bodyLimitBytes) throw new NoAnswerError('the reviewer answered more than a reply can be', {});
  return Buffer.concat(chunks).toString('utf8');
}

const replySchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        error: z.unknown().optional(),
        message: z.looseObject({
          tool_calls: z
            .array(z.looseObject({ function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
            .nullish(),
        }),
      }),
    )
    .min(1),
});

/**
 * A body that is no chat completion comes from something in between, or tells of a failure behind it, as gateways do in a choice as well: the model
 * hasn't answered.
 */
function parseReply(text: string): ChatReply {
  const parsed = replySchema.safeParse(parseJson(text));
  const choice = parsed.data?.choices[0];
  if (choice === undefined) throw new NoAnswerError('what answered was no chat completion', { isPassing: true });
  if (choice.finish_reason === 'error' || (choice.error ?? null) !== null)
    throw new NoAnswerError('the reviewer failed while it answered', { isPassing: true });
  const calls = choice.message.tool_calls ?? [];
  return { text, finishReason: choice.finish_reason ?? null, calls: calls.map((call) => call.function) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
