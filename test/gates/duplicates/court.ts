import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { BundleFile } from '../../../domain/bundle.ts';
import { policySchema } from '../../../domain/policy/policy.ts';
import type { Inspector } from '../../../domain/ports/inspector.ts';
import { submissionAggregate } from '../../../domain/submission/decide.ts';
import { type SubmissionEvent, submissionStream } from '../../../domain/submission/events.ts';
import type { SubmissionState } from '../../../domain/submission/state.ts';
import { resolveContract } from '../../../gates/contract.ts';
import { type DuplicateGateAnswer, duplicateGate } from '../../../gates/duplicates/duplicate-gate.ts';
import { readExamples } from '../../../gates/duplicates/examples.ts';
import { shippedExamples } from '../../../gates/duplicates/shipped-examples.ts';
import { recentResults } from '../../../gates/recent-results.ts';
import { rebuild } from '../../../projections/rebuild.ts';
import { sourceIndex, sourceIndexProjection } from '../../../projections/source-index.ts';
import { memoryStorage } from '../../../storage/open-storage.ts';
import { fact, gateSkipped, receipt } from '../../domain/submission-examples.ts';
import { happen, submissionOf, temporaryDatabase } from '../../projections/fixtures.ts';

export type Sources = Readonly<Record<string, string>>;
type Rewriting = { readonly source: string; readonly how: readonly string[]; readonly seed: number };

/** Rewrites sources as somebody would who hides where they come from (`rewrite.py`). */
export function rewritten(rewritings: readonly Rewriting[]): readonly string[] {
  const program = 'test/gates/duplicates/rewrite.py';
  const child = spawnSync('python3', [program], {
    input: JSON.stringify(rewritings),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

export const honest = (name: string) => readFileSync(`test/gates/corpus/honest/${name}.py`, 'utf8');
export const example = (name: string): Sources => ({
  'architecture.py': readFileSync(`examples/${name}/architecture.py`, 'utf8'),
  'training.py': readFileSync(`examples/${name}/training.py`, 'utf8'),
});

/** A log, an index over it, and the gate with the real inspector: works are received, and judged in any order. */
export function court(inspector: Inspector) {
  const { log, blobs } = memoryStorage();
  const file = temporaryDatabase();
  const bundles = new Map<string, readonly BundleFile[]>();
  const states = new Map<string, SubmissionState>();
  const examples = recentResults<Awaited<ReturnType<typeof readExamples>>>(1);
  const gate = duplicateGate({
    ...{ inspector, blobs, index: sourceIndex(file.db) },
    readBundle: async (archive) => bundles.get(archive) ?? [],
    examples: () => examples('', async () => readExamples(await shippedExamples('examples'), inspector)),
  });
  const policy = { version: 1, policy: policySchema.parse({}) };

  async function record(id: string, ...events: readonly SubmissionEvent[]) {
    await happen(log, submissionOf(id, events));
    for (const event of events) states.set(id, submissionAggregate.evolve(stateOf(id), event));
  }
  const stateOf = (id: string) => states.get(id) ?? submissionAggregate.initialState;
  const project = () => rebuild({ db: file.db, log, projections: [sourceIndexProjection] });

  async function ask(id: string): Promise<DuplicateGateAnswer> {
    const state = stateOf(id);
    if (state.phase === 'absent') throw new Error(`nobody handed in ${id}`);
    return gate(state, policy);
  }

  return {
    log,
    record,
    project,
    ask,
    dispose: file.dispose,
    stream: submissionStream,
    async receive(id: string, hotkey: string, sources: Sources, kind = 'full', behaviour: string | null = null) {
      const manifest = { path: 'prism.yaml', bytes: Buffer.from(`kind: ${kind}\n`) };
      const files = Object.entries(sources).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
      const bundle = { sha256: id, bytes: 1, keyId: null };
      bundles.set(id, [...files, manifest]);
      const resolution = await resolveContract([...files, manifest], inspector, { tokenizers: ['bytes'] });
      if (resolution.kind === 'failed') throw new Error(JSON.stringify(resolution.findings));
      const received = { ...receipt, submissionId: id, hotkey, bundle: { ...bundle, sha256: receipt.bundle.sha256 } };
      await happen(log, [[submissionStream(id), fact('SubmissionReceived', received)]]);
      states.set(id, submissionAggregate.evolve(stateOf(id), fact('SubmissionReceived', { ...received, bundle })));
      const resolved = fact('ContractResolved', { contract: resolution.contract, gateVersion: '1', policyVersion: 1 });
      const built = fact('GatePassed', {
        ...{ gate: 'parameters', gateVersion: '1', findings: [], evidence: null, policyVersion: 1 },
        behaviour,
      });
      await record(id, resolved, gateSkipped('static'), built, gateSkipped('distributed'));
    },
    async sketch(id: string) {
      const answer = await ask(id);
      if (answer.kind !== 'sketched') throw new Error(`${id} was ${answer.kind}`);
      await record(id, fact('SourceSketched', { ...answer.sketch, policyVersion: 1 }));
      await project();
    },
    /** Sketches and compares. */
    async judge(id: string) {
      await this.sketch(id);
      const answer = await ask(id);
      if (answer.kind === 'sketched') throw new Error(`${id} was sketched twice`);
      return answer;
    },
  };
}
