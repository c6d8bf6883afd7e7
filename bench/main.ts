import { append } from './append/append.ts';
import { gates } from './gates/gates.ts';
import { harness } from './harness/harness.ts';
import { ingest } from './ingest/ingest.ts';
import { power } from './power/power.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { subscribe } from './subscribe/subscribe.ts';

export type BenchOptions = {
  readonly quick: boolean;
  /** Only the cases whose name begins so; null for all. */
  readonly only: string | null;
};

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  ...{ append, gates, harness, ingest, power, rebuild, subscribe },
};

const quick = process.argv.includes('--quick');
const [name, only = null] = process.argv.slice(2).filter((argument) => argument !== '--quick');
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined) {
  process.stderr.write(`usage: npm run --silent bench -- <${Object.keys(benches).join('|')}> [case] [--quick]\n`);
  process.exitCode = 2;
} else {
  await bench({ quick, only });
}
