import { expect } from 'chai';
import { paceOf } from '../../cli/commands/rebuild-projections.ts';

describe('the pace of a rebuild', () => {
  const progress = { phase: 'folding', events: 2_000, position: 500, head: 2_000 } as const;

  it('is told in events a second, and by what is left of the positions, which may be sparse', () => {
    expect(paceOf(progress, 4)).to.deep.equal({ ...progress, eventsPerSecond: 500, etaSeconds: 12 });
  });

  it('has nothing left at the head, or behind one that has moved since', () => {
    expect(paceOf({ ...progress, position: 2_000 }, 4).etaSeconds).to.equal(0);
    expect(paceOf({ ...progress, position: 2_100 }, 4).etaSeconds).to.equal(0);
  });

  it('promises nothing before there is anything to judge by', () => {
    expect(paceOf({ ...progress, position: 0, events: 0 }, 4).etaSeconds).to.equal(null);
    expect(paceOf(progress, 0)).to.include({ eventsPerSecond: 0, etaSeconds: null });
  });
});
