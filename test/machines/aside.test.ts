import { expect } from 'chai';
import { workAside } from '../../machines/due/aside.ts';

describe('Work set aside', () => {
  function started() {
    const faults: unknown[] = [];
    const aside = workAside(2, (fault) => void faults.push(fault));
    const ends: Record<string, () => void> = {};
    const start = (id: string) =>
      aside.start(id, () => new Promise<void>((resolve) => Object.assign(ends, { [id]: resolve })));
    return { aside, faults, ends, start };
  }

  it('is one piece a submission, and no more pieces than there may be', async () => {
    const { aside, ends, start } = started();
    expect([start('a'), start('a'), start('b')]).to.deep.equal([true, false, true]);
    expect([start('c'), Object.keys(ends)]).to.deep.equal([false, ['a', 'b']]);
    ends.a?.();
    ends.b?.();
    await aside.settled();
    expect([aside.count(), start('a'), start('c')]).to.deep.equal([0, true, true]);
  });

  it('counts who was turned away, since they keep others from being looked at', async () => {
    const { aside, ends, start } = started();
    for (const id of ['a', 'b', 'c', 'd', 'c']) start(id);
    expect(aside.count()).to.equal(4);
    ends.a?.();
    await new Promise(setImmediate);
    expect(start('c')).to.equal(true);
    expect(aside.count()).to.equal(3);
    ends.b?.();
    ends.c?.();
    await aside.settled();
    expect(aside.count()).to.equal(0);
  });

  it('that throws is reported, and leaves its place to others', async () => {
    const { aside, faults, start } = started();
    aside.start('a', () => Promise.reject(new Error('odd')));
    await aside.settled();
    expect(faults.map(String)).to.deep.equal(['Error: odd']);
    expect(start('a')).to.equal(true);
  });
});
