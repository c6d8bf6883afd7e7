import { givenSubmission as given } from './given-when-then.ts';
import {
  activePolicy,
  completed,
  completedOutcome,
  conclude,
  fact,
  measurement,
  measuring,
  recordOutcome,
  scoreOf,
  scoring,
} from './submission-examples.ts';

describe('A published score', () => {
  it('is voided, once', () => {
    const voiding = { kind: 'VoidScore', operator: 'olga', reason: 'leaked' } as const;
    const { events } = given(...completed)
      .when(voiding)
      .thenYields({ type: 'ScoreVoided' });
    given(...completed, ...events)
      .when(voiding)
      .thenYields();
    given(...scoring)
      .when(voiding)
      .thenRefused('notDue');
  });

  it('is recomputed under another policy, and not where nothing changes', () => {
    const recompute = (policy = activePolicy()) => ({ kind: 'RecomputeScore', reason: 'season', policy }) as const;
    const free = activePolicy({ scoring: { sourceCharge: 0 } }, 2);
    given(...completed)
      .when(recompute())
      .thenYields();
    given(...completed)
      .when(recompute(free))
      .thenYields({ type: 'ScoreRecomputed', data: { score: scoreOf(measurement, free), policyVersion: 2 } });
    const voided = fact('ScoreVoided', { operator: 'olga', reason: 'leaked' });
    given(...completed, voided)
      .when(recompute(free))
      .thenRefused('notDue');
  });

  it('is recomputed also where an anomaly hides the change from the final score', () => {
    const anomalous = { ...measurement, step0: { microNats: 1, tokens: 100 } };
    const outcome = recordOutcome('score', 1, { ...completedOutcome, measurement: anomalous });
    const toScoring = given(...measuring).when(outcome).events;
    const published = given(...measuring, ...toScoring).when(conclude).events;
    given(...measuring, ...toScoring, ...published)
      .when({ kind: 'RecomputeScore', reason: 'season', policy: activePolicy({ scoring: { sourceCharge: 0 } }, 2) })
      .thenYields({ type: 'ScoreRecomputed' });
  });
});
