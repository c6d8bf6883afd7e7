import type { z } from 'zod';
import { CommandError, exitCodes } from './exit-codes.ts';

/** Speaks to a running service. Every method throws `CommandError` when it can't be reached or refuses. */
export type ServiceClient = {
  get<Answer>(path: string, schema: z.ZodType<Answer>, headers?: Record<string, string>): Promise<Answer>;
  post<Answer>(
    path: string,
    schema: z.ZodType<Answer>,
    body: Uint8Array,
    headers: Record<string, string>,
  ): Promise<Answer>;
};

export function serviceClient(baseUrl: string, token: string | null): ServiceClient {
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const request = async <Answer>(path: string, schema: z.ZodType<Answer>, init: RequestInit): Promise<Answer> => {
    const response = await fetch(new URL(path, baseUrl), init).catch((cause: unknown) => {
      const message = `No PRISM service answers at ${baseUrl}. Start one with \`prism serve\`, or name it with --url or PRISM_URL.`;
      throw Object.assign(new CommandError(exitCodes.unreachable, message), { cause });
    });
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) throw refusal(response.status, answer);
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw Object.assign(new CommandError(exitCodes.fault, `The answer of ${path} has an unknown shape.`), {
      cause: parsed.error,
    });
  };
  return {
    get: (path, schema, headers = {}) => request(path, schema, { headers: { ...authorization, ...headers } }),
    post: (path, schema, body, headers) =>
      request(path, schema, { method: 'POST', body: Buffer.from(body), headers: { ...authorization, ...headers } }),
  };
}

function refusal(status: number, answer: unknown): CommandError {
  const problem = typeof answer === 'object' && answer !== null ? answer : { status };
  const detail = 'detail' in problem && typeof problem.detail === 'string' ? problem.detail : `HTTP ${status}`;
  return new CommandError(exitCodes.refused, detail, problem);
}
