import { Counter, Gauge, type Registry } from 'prom-client';
import { type ChatClient, NoAnswerError } from './chat-client.ts';

/** What whoever asks a reviewer sees of him: how a request went, or until when he is given time to come back (null: not any more). */
export type ReviewerNotice =
  | { readonly request: 'answered' | 'noAnswer' }
  | {
      /** ISO 8601 UTC. */
      readonly openUntil: string | null;
    };

/** Tells how each request went. */
export function observedChat(ask: ChatClient, notice: (notice: ReviewerNotice) => void): ChatClient {
  return async (messages, signal) => {
    try {
      const reply = await ask(messages, signal);
      notice({ request: 'answered' });
      return reply;
    } catch (error) {
      if (error instanceof NoAnswerError) notice({ request: 'noAnswer' });
      throw error;
    }
  };
}

/** Counts what it is told, and shows whether the circuit is open. */
export function reviewerMetrics(registry: Registry, clock: () => Date): (notice: ReviewerNotice) => void {
  let openUntil: string | null = null;
  const requests = new Counter({
    name: 'prism_reviewer_requests_total',
    help: 'Requests to the reviewer: answered, noAnswer.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  new Gauge({
    name: 'prism_reviewer_circuit_open',
    help: '1 while the reviewer is given time to come back.',
    registers: [registry],
    collect() {
      this.set(openUntil !== null && openUntil > clock().toISOString() ? 1 : 0);
    },
  });
  return (notice) => {
    if ('request' in notice) requests.inc({ outcome: notice.request });
    else openUntil = notice.openUntil;
  };
}
