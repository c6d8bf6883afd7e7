import { Counter, Gauge, type Registry } from 'prom-client';
import { type ChatClient, NoAnswerError } from './chat-client.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';

/** Counts what `ask` is answered, and shows whether the circuit is open. */
export function meteredReviewer(ask: ChatClient, breaker: CircuitBreaker, registry: Registry): ChatClient {
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
      this.set(breaker.openUntil() === null ? 0 : 1);
    },
  });
  return async (messages, signal) => {
    try {
      const reply = await ask(messages, signal);
      requests.inc({ outcome: 'answered' });
      return reply;
    } catch (error) {
      if (error instanceof NoAnswerError) requests.inc({ outcome: 'noAnswer' });
      throw error;
    }
  };
}
