import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { toolName } from '../../../gates/llm/prompt.ts';

/** A chat completion request as OpenAI's protocol defines it, as far as a reviewer's request uses it; anything else is answered 400. */
const requestSchema = z.strictObject({
  model: z.string().min(1),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user']), content: z.string() })).min(1),
  temperature: z.literal(0),
  max_tokens: z.literal(4_096),
  tools: z.array(
    z.strictObject({
      type: z.literal('function'),
      function: z.strictObject({ name: z.string(), description: z.string(), parameters: z.looseObject({}) }),
    }),
  ),
  tool_choice: z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
});

export type SeenRequest = z.infer<typeof requestSchema> & { readonly authorization: string | undefined };

/** How the double answers one request. */
export type Behaviour = (response: ServerResponse, request: SeenRequest) => void;

export const approval = {
  ...{ reason: 'An ordinary model.', verdict: 'approve', violations: [], confidence: 0.9, rule_ids: [], evidence: [] },
};

export const rejectionOf = (path: string, line: number, rule = 'prism:review-outside') => ({
  reason: 'It reads a file.',
  verdict: 'reject',
  violations: ['It opens a file.'],
  confidence: 0.9,
  rule_ids: [rule],
  evidence: [{ path, line, rule_id: rule, explanation: 'SECRET-QUOTE of the source' }],
});

/** A completion that calls the tool with `answer`, or with a text in its place. */
export function calls(answer: unknown, finishReason = 'tool_calls', name = toolName): Behaviour {
  const argument = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return completes({
    finish_reason: finishReason,
    message: {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: argument } }],
    },
  });
}

export function completes(...choices: readonly object[]): Behaviour {
  return (response, { model }) =>
    void answerWith(200, {}, JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', model, choices }))(response);
}

export function answerWith(status: number, headers: Readonly<Record<string, string>> = {}, body = '{}') {
  return (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };
}

/** Takes the request and never says a word. */
export const hangs: Behaviour = () => {};
/** Hangs up in the middle of its answer. */
export const breaksOff: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"choices": [', () => response.destroy());
};
/** Sends more than any reply is. */
export const floods: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(' '.repeat(1_100_000));
};

/** An OpenAI-compatible endpoint on loopback. It answers by `behaviours` in their order, and then by `otherwise`. */
export async function startChat(otherwise: Behaviour = calls(approval)) {
  const seen: SeenRequest[] = [];
  const behaviours: Behaviour[] = [];
  const state = { otherwise };
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = requestSchema.safeParse(await json(request));
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions' || !parsed.success) {
      return answerWith(
        400,
        {},
        JSON.stringify({ error: { message: parsed.error?.message ?? 'no such route' } }),
      )(response);
    }
    const { authorization } = request.headers;
    const received = { ...parsed.data, authorization };
    seen.push(received);
    (behaviours.shift() ?? state.otherwise)(response, received);
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    seen,
    next: (...answers: readonly Behaviour[]) => void behaviours.push(...answers),
    always(behaviour: Behaviour) {
      state.otherwise = behaviour;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type ChatServer = Awaited<ReturnType<typeof startChat>>;
