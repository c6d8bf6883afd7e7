import { expect } from 'chai';
import { type CpuTimes, keptWaitingMs, readCpuTimes, threadTimes, wasStarved } from '../../executor/cpu-times.ts';
import { watchFrames } from '../../executor/frame-watch.ts';
import { frameSignals, type ImageHeld, imageSignals } from '../../executor/referee-signals.ts';

type Seconds = Readonly<Record<string, readonly [ran: number, waited: number]>>;

/** A reading in seconds: what the container used in all, and its threads. */
function times(at: number, used: number, threads: Seconds = {}): CpuTimes {
  const read = Object.entries(threads).map(
    ([id, [ran, waited]]) => [id, { ranMs: ran * 1_000, waitedMs: waited * 1_000 }] as const,
  );
  return { atMs: at * 1_000, usedMs: used * 1_000, threads: new Map(read) };
}

describe('time that others kept a container waiting', () => {
  const start = times(0, 5, { '1': [5, 1] });

  it('is what a thread has waited while nothing else of the container ran', () => {
    expect(keptWaitingMs(start, times(100, 15, { '1': [15, 81] }))).to.equal(80_000);
  });

  it('is nothing for one that sleeps, whatever else the host does', () => {
    expect(keptWaitingMs(start, times(100, 5, { '1': [5, 1] }))).to.equal(0);
  });

  it('is nothing for threads that queue behind one another', () => {
    const queue = times(100, 105, { '1': [55, 51], '2': [50, 50] });
    expect(keptWaitingMs(start, queue)).to.equal(0);
  });

  it('is nothing for hundreds of threads that wake at once to wait for one another', () => {
    const crowd = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`${index + 2}`, [0.1, 39.9] as const]));
    expect(keptWaitingMs(start, times(100, 45, crowd))).to.equal(0);
  });

  it('is nothing for one that is kept waiting by what its ended children ran', () => {
    expect(keptWaitingMs(start, times(100, 85, { '1': [15, 71] }))).to.equal(0);
  });

  it('counts a thread from its birth', () => {
    expect(keptWaitingMs(start, times(100, 6, { '9': [1, 60] }))).to.equal(60_000);
  });

  it('starves it when it is more than half of the time', () => {
    expect(wasStarved(start, times(100, 15, { '1': [15, 51] }))).to.equal(false);
    expect(wasStarved(start, times(100, 15, { '1': [15, 52] }))).to.equal(true);
  });
});

describe("the kernel's counts", () => {
  it('are read from a line of schedstat', () => {
    expect(threadTimes('120000000 3000000 17\n')).to.deep.equal({ ranMs: 120, waitedMs: 3 });
    expect(threadTimes('')).to.equal(null);
    expect(threadTimes(null)).to.equal(null);
  });

  it('are unknown where there is no such cgroup', async () => {
    expect(await readCpuTimes('/prism/no-such-attempt/none')).to.equal(null);
  });
});

describe('the watch over frames', () => {
  /** A watch that looks when it is told to, at the next of some readings. */
  function watching(readings: readonly (CpuTimes | null)[], atSeconds?: readonly number[]) {
    const left = [...readings];
    const clock = [...(atSeconds ?? readings.map((reading) => (reading?.atMs ?? 0) / 1_000))];
    const exceeded: string[] = [];
    const watch = watchFrames({
      limits: { cpuSeconds: 10, wallSeconds: 40 },
      everyMs: 3_600_000,
      times: async () => left.shift() ?? null,
      clock: () => (clock.shift() ?? 0) * 1_000,
      exceeded: (intent) => void exceeded.push(intent),
    });
    const look = async (looks: number) => {
      for (let index = 0; index < looks; index += 1) await watch.look();
      watch.stop();
      return exceeded;
    };
    return { watch, look };
  }

  it('objects to more CPU time than a frame may take, once', async () => {
    const { watch, look } = watching([times(0, 100), times(10, 110), times(11, 111), times(12, 112)]);
    watch.started(1);
    expect(await look(4)).to.deep.equal(['frameCpu']);
  });

  it('counts each frame for itself', async () => {
    const { watch, look } = watching([times(0, 0), times(9, 9), times(10, 10), times(19, 19)]);
    watch.started(1);
    await look(2);
    watch.ended(1);
    watch.started(2);
    expect(await look(2)).to.deep.equal([]);
  });

  it('leaves a contestant alone that trains between two frames', async () => {
    const { watch, look } = watching([times(0, 0), times(300, 300)]);
    watch.started(1);
    watch.ended(1);
    expect(await look(2)).to.deep.equal([]);
  });

  it('says of one that sleeps past the wall limit that it is to blame, on a loaded host too', async () => {
    const { watch, look } = watching([times(0, 5, { '1': [5, 0] }), times(41, 5.1, { '1': [5.1, 0.4] })]);
    watch.started(1);
    expect(await look(2)).to.deep.equal(['frameWall']);
  });

  it('says of one that others kept from running that it was starved', async () => {
    const { watch, look } = watching([times(0, 5, { '1': [5, 0] }), times(41, 8, { '1': [8, 38] })]);
    watch.started(1);
    expect(await look(2)).to.deep.equal(['starved']);
    expect(watch.wasStarved()).to.equal(true);
  });

  it('holds to the wall limit alone where nobody counts', async () => {
    const { watch, look } = watching([null, null, null], [0, 39, 41]);
    watch.started(1);
    expect(await look(3)).to.deep.equal(['frameWall']);
    expect(watch.wasStarved()).to.equal(null);
  });

  it('is deaf to the end of another frame', async () => {
    const { watch, look } = watching([times(0, 0), times(20, 20)]);
    watch.started(2);
    watch.ended(1);
    expect(await look(2)).to.deep.equal(['frameCpu']);
  });

  it("hears of frames from the referee's lines", () => {
    const heard: string[] = [];
    const take = frameSignals((edge, frame) => void heard.push(`${edge} ${frame}`));
    for (const line of [
      '{"event":"frameStart","id":1}',
      '{"event":"toString","id":1}',
      '{"event":"frameEnd"}',
      '{"event":"frameEnd","id":1}',
    ]) {
      take(line);
    }
    expect(heard).to.deep.equal(['started 1', 'ended 1']);
  });
});

describe('the pages of the image', () => {
  it("are known from the referee's line about them", () => {
    const heard: ImageHeld[] = [];
    const take = imageSignals((held) => void heard.push(held));
    for (const line of [
      '{"event":"ready"}',
      '{"event":"imageHeld","bytes":8192}',
      '{"event":"imageHeld","bytes":8192,"inMemoryBytes":"all"}',
      '{"event":"imageHeld","bytes":8192,"inMemoryBytes":4096}',
    ]) {
      take(line);
    }
    expect(heard).to.deep.equal([{ bytes: 8_192, inMemoryBytes: 4_096 }]);
  });
});
