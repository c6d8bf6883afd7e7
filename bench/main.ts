import { ingest } from './ingest/ingest.ts';
import { power } from './power/power.ts';

export type BenchOptions = { readonly quick: boolean };

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = { ingest, power };

const [name, ...flags] = process.argv.slice(2);
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined) {
  process.stderr.write(`usage: npm run --silent bench -- <${Object.keys(benches).join('|')}> [--quick]\n`);
  process.exitCode = 2;
} else {
  await bench({ quick: flags.includes('--quick') });
}
