import { expect } from 'chai';
import { type LogWatch, watchLog } from '../service/log-watch.ts';
import { type ServiceHome, twoSlots } from '../service/service-process.ts';
import { handIn, type Measured, settled } from '../service/submissions.ts';
import { describeServices } from '../service/with-services.ts';
import { adversarialBundle } from './bundle.ts';
import { type Case, cases, type Group } from './cases.ts';
import { expectOutcome, needsTwin } from './expect-outcome.ts';
import { inWords } from './in-words.ts';
import { makeLiterals } from './literals.ts';
import { policies } from './policies.ts';

const runsAll = process.env.PRISM_LONG === '1';

/**
 * The cases of a group in one real service with two slots, each a test; all are handed in before the first one is waited for. They run with
 * `npm run test:long`: not every case has been seen to end as it should on this tree.
 */
export function describeCases(title: string, group: Group, choose: (one: Case) => boolean = () => true): void {
  const chosen = runsAll ? cases.filter((one) => one.group === group && choose(one)) : [];
  if (chosen.length === 0) return;
  describeServices(title, (services) => {
    let home: ServiceHome;
    let log: LogWatch;
    let endOf: (name: string) => Promise<Measured>;

    before(async () => {
      home = await services.home(policies[group]);
      const { client } = await home.start(twoSlots);
      log = await watchLog(home.dataDir);
      const literals = await makeLiterals();
      const ids = new Map<string, string>();
      for (const name of bundlesOf(chosen))
        ids.set(name, await handIn(client, await adversarialBundle(name, literals), name));
      endOf = (name) => settled(client, ids.get(name) ?? '');
    });
    after(() => log?.close());

    for (const { name, does, expected, twin = 'twin' } of chosen) {
      it(`${name}, which ${does}: ${inWords(expected)}`, async () => {
        await expectOutcome(expected, await endOf(name), () => endOf(twin), home.dataDir);
      });
    }

    it('takes nothing of that for a fault of its own', () => {
      expect(log.seen.filter(({ envelope }) => envelope.type === 'AttemptAborted')).to.deep.equal([]);
    });
  });
}

/** In the order in which they are waited for. */
function bundlesOf(chosen: readonly Case[]): ReadonlySet<string> {
  return new Set(chosen.flatMap(({ name, expected, twin = 'twin' }) => (needsTwin(expected) ? [twin, name] : [name])));
}
