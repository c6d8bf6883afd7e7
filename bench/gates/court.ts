import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BundleFile } from '../../domain/bundle.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import type { Blobs } from '../../domain/ports/blobs.ts';
import type { BundleMeter } from '../../domain/ports/bundle-meter.ts';
import type { Inspector } from '../../domain/ports/inspector.ts';
import type { ResolvedContract, SubmissionEvent } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { initialState, type LivingState } from '../../domain/submission/state.ts';
import { bundleGates } from '../../gates/bundle-gates.ts';
import { duplicateGate } from '../../gates/duplicates/duplicate-gate.ts';
import { type Examples, readExamples } from '../../gates/duplicates/examples.ts';
import type { Work } from '../../gates/duplicates/shingle-set.ts';
import { decodeWork } from '../../gates/duplicates/shingle-set.ts';
import { shippedExamples } from '../../gates/duplicates/shipped-examples.ts';
import { sketchKeys, sketchVersion } from '../../gates/duplicates/sketch.ts';
import { readArchive } from '../../gates/intake.ts';
import { rememberingInspector } from '../../gates/read-modules.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { type Fold, tableNames } from '../../projections/projection.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { sourceIndex, sourceIndexProjection } from '../../projections/source-index.ts';
import { projectionVersions } from '../../projections/versions.ts';
import { memoryStorage } from '../../storage/open-storage.ts';
import { contract, digest, fact, gateSkipped, receipt } from '../../test/domain/submission-examples.ts';

type Corpus = { workOf(number: number): Work; digestOf(number: number): string; readonly blobs: Pick<Blobs, 'open'> };
type Asked = {
  readonly files: readonly BundleFile[];
  readonly inspector: Inspector & BundleMeter;
  readonly blobs: Pick<Blobs, 'open'>;
};
const policy = { version: 1, policy: policySchema.parse({ gates: { distributed: 'flag' } }) };

/** Gates 1, 2, 4 and 5 over an index of sources in a file, with the inspector as it is given. Whoever opens it closes it. */
export async function benchCourt(folder: string, inspector: Inspector & BundleMeter) {
  const db = openProjectionDatabase(join(folder, 'read-models.sqlite'));
  const memory = memoryStorage();
  await rebuild({ db, log: memory.log, projections: [sourceIndexProjection] });
  const live = projectionVersions(db).live(sourceIndexProjection);
  const fold: Fold = sourceIndexProjection.prepareFold(db, tableNames(live?.version ?? 0));
  const examples: Examples = await readExamples(await shippedExamples('examples'), inspector);
  let position = 0;
  /** The bundle before the gate. */
  let asked: Asked | null = null;
  let sets: Uint8Array = new Uint8Array();
  const gate = duplicateGate({
    ...{ index: sourceIndex(db), examples: async () => examples },
    readBundle: async () => asked?.files ?? [],
    inspector: { inspect: async (sources) => asked?.inspector.inspect(sources) ?? [] },
    blobs: {
      open: async (sha256) =>
        sha256 === digest('0') ? Readable.from([sets]) : (asked?.blobs.open(sha256) ?? Readable.from([])),
      async put(content) {
        sets = content;
        return { sha256: digest('0'), bytes: content.length, keyId: null };
      },
    },
  });

  function happen(id: string, ...events: readonly SubmissionEvent[]): void {
    for (const event of events) {
      position += 1;
      fold({ event, stream: `submission-${id}`, position, recordedAt: receipt.receivedAt });
    }
  }

  /** Works of a corpus as the gate would have indexed them. */
  function store({ workOf, digestOf }: Corpus, from: number, to: number): void {
    db.transaction(() => {
      for (let number = from; number < to; number += 1) {
        const work = workOf(number);
        const own = contractOf(number);
        const keys = [...sketchKeys(own, work, [[...work.architecture], [...work.training]], examples.shingles)];
        const shingles = { sha256: digestOf(number), bytes: 1, keyId: null };
        happen(
          `stored ${number}`,
          fact('SubmissionReceived', { ...receipt, submissionId: `stored ${number}`, hotkey: `author ${number}` }),
          fact('ContractResolved', { contract: own, gateVersion: '1', policyVersion: 1 }),
          fact('SourceSketched', { sketchVersion, keys, shingles, policyVersion: 1 }),
        );
      }
    })();
  }

  /** From an archive to the verdict of the last of the gates. */
  async function judge(id: string, archive: Uint8Array, blobs: Pick<Blobs, 'open'>) {
    const read = await readArchive(archive);
    if (read.kind === 'refused') throw new Error(read.detail);
    const { files } = read;
    const inspected = rememberingInspector(inspector, 1);
    const resolved = await bundleGates.contract.judge({ files, contract: null }, policy.policy, inspected);
    if (resolved.kind !== 'resolved') throw new Error(JSON.stringify(resolved));
    const judged = { files, contract: resolved.contract };
    for (const name of ['static', 'distributed'] as const) {
      const { kind } = await bundleGates[name].judge(judged, policy.policy, inspected);
      if (kind !== 'passed') throw new Error(`${name}: ${kind}`);
    }
    asked = { files, inspector: inspected, blobs };
    const state = atDuplicateGate(id, resolved.contract);
    const sketched = await gate(state, policy);
    if (sketched.kind !== 'sketched') throw new Error(sketched.kind);
    const event = fact('SourceSketched', { ...sketched.sketch, policyVersion: 1 });
    db.transaction(() =>
      happen(
        id,
        fact('SubmissionReceived', { ...receipt, submissionId: id, hotkey: id }),
        fact('ContractResolved', { contract: resolved.contract, gateVersion: '1', policyVersion: 1 }),
        event,
      ),
    )();
    await gate(livingAfter(state, event), policy);
  }

  /** Takes the work that was judged last out of the index again; it is what comes back. */
  function forget(id: string): Work {
    db.transaction(() => happen(id, fact('SubmissionRejected', { reason: 'withdrawn', gate: null, message: '' })))();
    return decodeWork(Buffer.from(sets));
  }

  return { store, judge, forget, examples, close: () => db.close() };
}

function contractOf(number: number): ResolvedContract {
  const fingerprint = (role: string) => `${role}${number.toString(16)}`.padStart(64, '0');
  const { architecture, training } = contract;
  return {
    ...contract,
    architecture: { ...architecture, fingerprint: fingerprint('a') },
    training: { ...training, fingerprint: fingerprint('b') },
  };
}

function atDuplicateGate(submissionId: string, resolved: ResolvedContract): LivingState {
  const life = [
    fact('SubmissionReceived', { ...receipt, submissionId }),
    fact('ContractResolved', { contract: resolved, gateVersion: '1', policyVersion: 1 }),
    ...(['static', 'parameters', 'distributed'] as const).map(gateSkipped),
  ];
  const state = life.reduce(evolve, initialState);
  if (state.phase === 'absent') throw new Error('nothing was received');
  return state;
}

function livingAfter(state: LivingState, event: SubmissionEvent): LivingState {
  const after = evolve(state, event);
  if (after.phase === 'absent') throw new Error('the submission is gone');
  return after;
}
