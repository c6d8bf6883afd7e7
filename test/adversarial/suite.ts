import { expect } from 'chai';
import type { ServiceClient } from '../../cli/service-client.ts';
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

/** Bundles that are handed in before the one that is waited for has ended: enough for two slots, and none waits long in a queue. */
const ahead = 5;

/** The cases of a group in one real service with two slots, each a test. */
export function describeCases(title: string, group: Group): void {
  const chosen = cases.filter((one) => one.group === group && (runsAll || one.isLong !== true));
  if (chosen.length === 0) return;
  describeServices(title, (services) => {
    let home: ServiceHome;
    let log: LogWatch;
    let endOf: (name: string) => Promise<Measured>;

    before(async () => {
      home = await services.home(policies[group]);
      const { client } = await home.start(twoSlots);
      log = await watchLog(home.dataDir);
      endOf = await inTurn(client, [...bundlesOf(chosen)]);
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

/** Waits for bundles in their order, and hands the next ones in meanwhile. */
async function inTurn(client: ServiceClient, names: readonly string[]): Promise<(name: string) => Promise<Measured>> {
  const literals = await makeLiterals();
  const ids: string[] = [];
  return async (name) => {
    const place = names.indexOf(name);
    for (const next of names.slice(ids.length, place + 1 + ahead))
      ids.push(await handIn(client, await adversarialBundle(next, literals), next));
    return settled(client, ids[place] ?? '');
  };
}

/** In the order in which they are waited for. */
function bundlesOf(chosen: readonly Case[]): ReadonlySet<string> {
  return new Set(chosen.flatMap(({ name, expected, twin = 'twin' }) => (needsTwin(expected) ? [twin, name] : [name])));
}
