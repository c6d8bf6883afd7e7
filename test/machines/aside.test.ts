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
    expect(aside.isTaken('a')).to.equal(false);
    start('a');
    expect([aside.isTaken('a'), aside.isTaken('b')]).to.deep.equal([true, false]);
    start('b');
    expect([aside.isTaken('c'), aside.count()]).to.deep.equal([true, 2]);
    ends.a?.();
    ends.b?.();
    await aside.settled();
    expect([aside.isTaken('a'), aside.isTaken('c'), aside.count()]).to.deep.equal([false, false, 0]);
  });

  it('that throws is reported, and leaves its place to others', async () => {
    const { aside, faults } = started();
    aside.start('a', () => Promise.reject(new Error('odd')));
    await aside.settled();
    expect(faults.map(String)).to.deep.equal(['Error: odd']);
    expect(aside.isTaken('a')).to.equal(false);
  });
});
