import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/event.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { eventsNamed, faultOf, namesOf, range } from './fixtures.ts';

/** Collects what a subscription delivers; `until(n)` resolves when n events are there. */
export function collector() {
  const events: RecordedEvent[] = [];
  const pages: number[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    events,
    pages,
    onPage(page: readonly RecordedEvent[]) {
      events.push(...page);
      pages.push(page.length);
      for (const { count, resolve } of waiting) if (events.length >= count) resolve();
    },
    until(count: number): Promise<void> {
      if (events.length >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count, resolve }));
    },
  };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export function describeSubscriptionContract(theLog: () => EventLog): void {
  describe('subscription', () => {
    const append = (...names: string[]) => theLog().append('a', 'any', eventsNamed(names, 'a'));

    it('delivers what is stored and then what comes, after a position', async () => {
      await append('1', '2', '3');
      const [first] = await theLog().readAll(0, 1);
      const seen = collector();
      const subscription = theLog().subscribe(first?.position ?? 0, seen.onPage);
      await seen.until(2);
      await append('4');
      await seen.until(3);
      await append('5', '6');
      await seen.until(5);
      await subscription.close();
      expect(namesOf(seen.events)).to.deep.equal(['2', '3', '4', '5', '6']);
    });

    it('catches up in pages of a bounded size', async () => {
      const names = range(1, 1_500).map(String);
      await append(...names);
      const seen = collector();
      const subscription = theLog().subscribe(0, seen.onPage);
      await seen.until(names.length);
      await subscription.close();
      expect(namesOf(seen.events)).to.deep.equal(names);
      expect(Math.max(...seen.pages)).to.be.at.most(512);
    });

    it('has neither gaps nor repeats while others append, for several subscribers that start at different times', async () => {
      const names = range(1, 600).map(String);
      const subscribers = [collector(), collector(), collector()];
      const open = subscribers.map((seen) => [seen, theLog().subscribe(0, seen.onPage)] as const);
      const appending = names.map((name) => append(name));
      await Promise.all(appending.slice(0, 100));
      const late = collector();
      open.push([late, theLog().subscribe(0, late.onPage)]);
      await Promise.all(appending);
      await Promise.all(open.map(([seen]) => seen.until(names.length)));
      await Promise.all(open.map(([, subscription]) => subscription.close()));
      const all = await theLog().readAll(0, 1_000);
      for (const [seen] of open) {
        expect(seen.events.map(({ position }) => position)).to.deep.equal(all.map(({ position }) => position));
      }
    });

    it('hands a slow subscriber one page at a time', async () => {
      const held = gate();
      const seen = collector();
      let inHand = 0;
      let mostInHand = 0;
      const subscription = theLog().subscribe(0, async (page) => {
        inHand += 1;
        mostInHand = Math.max(mostInHand, inHand);
        await held.opened;
        seen.onPage(page);
        inHand -= 1;
      });
      for (const name of range(1, 50)) await append(String(name));
      expect(seen.events).to.have.length(0);
      held.open();
      await seen.until(50);
      await subscription.close();
      expect(mostInHand).to.equal(1);
      expect(namesOf(seen.events)).to.deep.equal(range(1, 50).map(String));
    });

    it('close waits for the page in hand and delivers no more', async () => {
      const held = gate();
      const inHand = gate();
      let pages = 0;
      await append('1');
      const subscription = theLog().subscribe(0, async () => {
        pages += 1;
        inHand.open();
        await held.opened;
      });
      await inHand.opened;
      let closed = false;
      const closing = subscription.close().then(() => {
        closed = true;
      });
      await append('2');
      expect(closed).to.equal(false);
      held.open();
      await closing;
      await subscription.ended;
      await append('3');
      expect(pages).to.equal(1);
    });

    it('closes while it waits for events', async () => {
      const seen = collector();
      const subscription = theLog().subscribe(0, seen.onPage);
      await append('1');
      await seen.until(1);
      await subscription.close();
      await subscription.ended;
    });

    it('may be closed by its own handler, if that does not wait', async () => {
      await append('1', '2');
      let pages = 0;
      const subscription = theLog().subscribe(0, () => {
        pages += 1;
        void subscription.close();
      });
      await subscription.ended;
      expect(pages).to.equal(1);
    });

    it("ends with the handler's error", async () => {
      const bug = new Error('bug');
      const subscription = theLog().subscribe(0, () => {
        throw bug;
      });
      const ended = faultOf(subscription.ended);
      await append('1');
      expect(await ended).to.equal(bug);
      await subscription.close();
    });

    it('does not disturb others when one ends with an error', async () => {
      const seen = collector();
      const sound = theLog().subscribe(0, seen.onPage);
      const broken = theLog().subscribe(0, () => Promise.reject(new Error('bug')));
      const ended = faultOf(broken.ended);
      await append('1');
      await ended;
      await append('2');
      await seen.until(2);
      await sound.close();
    });

    it('ends when the log is closed, and none can be opened after', async () => {
      const subscription = theLog().subscribe(0, () => {});
      await theLog().close();
      await subscription.ended;
      expect(() => theLog().subscribe(0, () => {})).to.throw(LogUnavailableError);
    });
  });
}
