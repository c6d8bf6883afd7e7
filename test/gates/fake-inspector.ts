import { createHash } from 'node:crypto';
import type { BundleMeter } from '../../domain/ports/bundle-meter.ts';
import type { Inspector, ModuleFacts } from '../../domain/ports/inspector.ts';

export type GivenFacts = Partial<Omit<ModuleFacts, 'path' | 'symbols'>> & {
  readonly symbols?: readonly (string | ModuleFacts['symbols'][number])[];
};

/**
 * Answers from given facts; a module without any defines `build_model` and `train`, imports nothing, and its canonical
 * hash is that of its bytes. xz makes nothing smaller.
 */
export function fakeInspector(given: Readonly<Record<string, GivenFacts>> = {}): Inspector & BundleMeter {
  return {
    async inspect(sources) {
      return sources.map(({ path, bytes }) => {
        const { symbols = ['build_model', 'train'], ...facts } = given[path] ?? {};
        return {
          path,
          error: null,
          architectureName: null,
          imports: [],
          prose: [],
          canonicalHash: createHash('sha256').update(bytes).digest('hex'),
          canonicalSource: '',
          uses: [],
          calls: [],
          exports: {},
          attributes: [],
          functions: [],
          literals: [],
          definitions: [],
          ...facts,
          symbols: symbols.map((symbol) =>
            typeof symbol === 'string' ? { name: symbol, callable: 'yes', line: 1 } : symbol,
          ),
        };
      });
    },
    xzBytes: async ({ byteLength }) => byteLength,
  };
}
