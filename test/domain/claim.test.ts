import { expect } from 'chai';
import { claimAggregate } from '../../domain/claim/claim.ts';
import { instant } from './submission-examples.ts';

describe('Claim', () => {
  const claim = { revision: 3, owner: 'one', until: instant(60) };
  const ask = (change: { revision?: number; owner?: string; now?: string }) =>
    claimAggregate.decide(claim, {
      ...{ kind: 'ClaimWork', revision: 3, owner: 'one', now: instant(30), until: instant(90) },
      ...change,
    });

  it('is the first comer’s', () => {
    const first = { kind: 'ClaimWork', revision: 0, owner: 'one', now: instant(0), until: instant(60) } as const;
    expect(claimAggregate.decide(claimAggregate.initialState, first)).to.deep.equal([
      { type: 'WorkClaimed', data: { revision: 0, owner: 'one', until: instant(60) } },
    ]);
  });

  it('stays its owner’s without another event, and is refused to others', () => {
    expect(ask({})).to.deep.equal([]);
    expect(ask({ owner: 'two' })).to.include({ kind: 'rejection', reason: 'claimed' });
  });

  it('is anybody’s when its time is over', () => {
    for (const owner of ['one', 'two']) {
      expect(ask({ owner, now: instant(60) })).to.deep.equal([
        { type: 'WorkClaimed', data: { revision: 3, owner, until: instant(90) } },
      ]);
    }
  });

  it('does not bind later work, and is not taken from it by somebody who is behind', () => {
    expect(ask({ revision: 4, owner: 'two' })).to.have.length(1);
    expect(ask({ revision: 2, owner: 'two', now: instant(60) })).to.include({ kind: 'rejection', reason: 'tooLate' });
  });
});
