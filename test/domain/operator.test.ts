import { expect } from 'chai';
import { hasSkipped, operatorAggregate } from '../../domain/operator/operator-aggregate.ts';
import { givenFor } from './given-when-then.ts';

const given = givenFor(operatorAggregate);
const eventId = '3f1c9d52-6f0e-5f5e-9a57-3d1c2e4f5a60';
const otherId = '3f1c9d52-6f0e-5f5e-9a57-3d1c2e4f5a61';
const skip = { projection: 'scores', eventId, operator: 'olga', reason: 'written by a broken release' };
const skipped = { type: 'ProjectionEventSkipped', data: skip } as const;
const command = (changed: Partial<typeof skip> = {}, poisonIds: readonly string[] = [eventId]) =>
  ({ kind: 'SkipProjectionEvent', skip: { ...skip, ...changed }, poisonIds }) as const;

describe('An operator', () => {
  it('lets a projection go on without the event that it has stopped at, with name and reason', () => {
    given().when(command()).thenYields(skipped);
  });

  it('is held to have said so once', () => {
    given(skipped)
      .when(command({ operator: 'oscar', reason: 'me too' }, []))
      .thenYields();
  });

  it('skips an event for one projection alone', () => {
    given(skipped)
      .when(command({ projection: 'miners' }))
      .thenYields({ type: 'ProjectionEventSkipped', data: { projection: 'miners' } })
      .state((state) => {
        expect(hasSkipped(state, 'scores', eventId)).to.equal(true);
        expect(hasSkipped(state, 'miners', eventId)).to.equal(true);
        expect(hasSkipped(state, 'epochs', eventId)).to.equal(false);
        expect(hasSkipped(state, 'scores', otherId)).to.equal(false);
      });
  });

  it('may not skip what no version of the projection has stopped at', () => {
    given().when(command({}, [])).thenRefused('notPoison');
    given()
      .when(command({ eventId: otherId }))
      .thenRefused('notPoison');
  });

  it('may not do so without a name, a reason, or at any length', () => {
    for (const changed of [{ operator: '' }, { operator: ' ' }, { reason: '' }, { reason: '\n' }]) {
      given().when(command(changed)).thenRefused('unexplained');
    }
    given()
      .when(command({ reason: 'x'.repeat(2_001) }))
      .thenRefused('unexplained');
  });
});
