import { hash } from 'node:crypto';
import type { BundleFile } from '../domain/bundle.ts';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import { type Inspector, InspectorUnavailableError, type ModuleFacts } from '../domain/ports/inspector.ts';
import { recentResults } from './recent-results.ts';
import type { Modules } from './role-files.ts';

/** Facts of every `.py` file. Throws `InspectorUnavailableError` also for an answer about other files than those asked for. */
export async function readModules(files: readonly BundleFile[], inspector: Inspector): Promise<Modules> {
  const sources = files.filter((file) => file.path.endsWith('.py'));
  const facts = await inspector.inspect(sources);
  const modules = new Map(facts.map((each) => [each.path, each]));
  const missing = sources.find((source) => !modules.has(source.path));
  if (missing !== undefined || modules.size !== sources.length) {
    throw new InspectorUnavailableError(`the inspector's answer does not cover ${missing?.path ?? 'the question'}`);
  }
  return modules;
}

/** An inspector that is asked once about the sources that several gates look at one after the other. */
export function rememberingInspector(inspector: Inspector & BundleMeter, bundles: number): Inspector & BundleMeter {
  const recent = recentResults<readonly ModuleFacts[]>(bundles);
  return {
    inspect: (sources) => recent(keyOf(sources), () => inspector.inspect(sources)),
    xzBytes: inspector.xzBytes,
  };
}

/** Of bytes that several gates hand on. */
const digests = new WeakMap<Uint8Array, string>();

function keyOf(sources: readonly BundleFile[]): string {
  return JSON.stringify(sources.map(({ path, bytes }) => [path, digestOf(bytes)]));
}

function digestOf(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? hash('sha256', bytes);
  digests.set(bytes, digest);
  return digest;
}
