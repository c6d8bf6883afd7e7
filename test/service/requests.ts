import { z } from 'zod';
import { token } from './service-process.ts';

const problemSchema = z.looseObject({ type: z.string(), status: z.number(), detail: z.string() });

export type Answer = { readonly status: number; readonly problem: z.infer<typeof problemSchema> };

/** A request that is expected to be refused, with a problem document of the same status. */
export async function refused(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(new URL(path, url), init);
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/problem+json'))
    throw new Error(`${response.status} ${type} is no problem document`);
  const problem = problemSchema.parse(await response.json());
  if (problem.status !== response.status) throw new Error(`${response.status} says that it is ${problem.status}`);
  return { status: response.status, problem };
}

/** A raw archive as the bridge posts it. */
export function bridgePost(body: Uint8Array, bearer = token): RequestInit {
  return {
    method: 'POST',
    body: Buffer.from(body),
    headers: {
      authorization: `Bearer ${bearer}`,
      'content-type': 'application/zip',
      'x-platform-verified-hotkey': 'mallory',
    },
  };
}
