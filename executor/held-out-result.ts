/** `prism_heldout.v1` (PROTOCOL.md §9): its shape, what must follow from what was asked, and what it measured in integers. */
import { z } from 'zod';
import {
  type HeldOutEstimate,
  type HeldOutMeasurement,
  type HeldOutSide,
  heldOutSides,
} from '../domain/scoring/held-out.ts';
import { countSchema, digestSchema } from '../domain/values.ts';
import type { ManifestReading } from './outcome.ts';
import {
  type AskedProvenance,
  checkProvenance,
  mustBe,
  platformDigest,
  problemOf,
  provenanceSchema,
} from './provenance.ts';
import { InvalidFileError, readJson } from './read-json.ts';
import type { HeldOutSpec } from './run-spec.ts';

export const heldOutLimitBytes = 2 ** 16;

const estimateSchema = z.strictObject({ bitsPerByte: z.number(), standardErrorBpb: z.number().nonnegative() });
type Estimate = z.infer<typeof estimateSchema>;

const documentSchema = z.strictObject({
  schema: z.literal('prism_heldout.v1'),
  provenance: provenanceSchema,
  side: z.enum(heldOutSides),
  stateDigest: digestSchema,
  verdict: z.enum(['measured', 'disagree', 'failed', 'lost', 'fault']),
  reason: z.string().max(200).nullable(),
  contestant: z.enum(['trained', 'witness', 'twin']).nullable(),
  trained: estimateSchema.nullable(),
  twin: estimateSchema.nullable(),
  delta: estimateSchema.nullable(),
  counts: z
    .strictObject({ documents: countSchema, bytes: countSchema, tokens: countSchema, cuts: countSchema })
    .nullable(),
});
type HeldOutDocument = z.infer<typeof documentSchema>;

export type HeldOutMeasured = {
  readonly measurement: HeldOutMeasurement;
  readonly runnerDigest: string;
  readonly platform: string;
};
export type HeldOutReading = { readonly reading: ManifestReading; readonly measured: HeldOutMeasured | null };

/** Reads and checks the result of an attempt. Never throws on its account. */
export function readHeldOutResult(
  bytes: Uint8Array | null,
  asked: AskedProvenance & { readonly heldOut: HeldOutSpec },
): HeldOutReading {
  if (bytes === null) return { reading: { kind: 'none' }, measured: null };
  try {
    const document = documentSchema.parse(readJson(bytes, 'held-out result'));
    checkProvenance(document.provenance, asked);
    mustBe('side', document.side, asked.heldOut.side);
    mustBe('stateDigest', document.stateDigest, asked.heldOut.stateDigest);
    if (document.verdict !== 'measured') return { reading: readingOf(document), measured: null };
    const measurement = toMeasurement(document);
    checkCounts(measurement, asked.heldOut);
    const { runnerDigest } = document.provenance;
    const measured = { measurement, runnerDigest, platform: platformDigest(document.provenance) };
    return { reading: { kind: 'completed' }, measured };
  } catch (error) {
    return { reading: { kind: 'invalid', problem: problemOf(error) }, measured: null };
  }
}

/** The measurement in a stored result. Throws where something is wrong with it. */
export function storedMeasurement(bytes: Uint8Array): HeldOutMeasurement {
  return toMeasurement(documentSchema.parse(readJson(bytes, 'held-out result')));
}

const theirReasons = ['contract', 'exception', 'parameterCap', 'timeout'] as const;

/** As if a run's manifest had said it. Who looks ahead is asked the same twice, and can't answer alike: a breach of causality. */
function readingOf({ verdict, reason }: HeldOutDocument): ManifestReading {
  switch (verdict) {
    case 'disagree':
      return { kind: 'failed', verdict: 'causality', where: null, message: null };
    case 'lost':
      return { kind: 'lost', phase: reason ?? '', message: '' };
    case 'failed': {
      const found = theirReasons.find((known) => known === reason);
      if (found === undefined) throw new InvalidFileError(`It failed for a reason that isn't known: ${reason}`);
      return { kind: 'failed', verdict: found, where: null, message: null };
    }
    default:
      return { kind: 'fault', message: `The held-out referee met a ${reason ?? 'fault'}.` };
  }
}

function toMeasurement({
  side,
  stateDigest,
  trained,
  twin,
  delta,
  counts,
  verdict,
}: HeldOutDocument): HeldOutMeasurement {
  mustBe('verdict', verdict, 'measured');
  if (trained === null || counts === null) throw new InvalidFileError('It was measured, and the numbers are missing.');
  const numbers = { trained: inIntegers(trained), twin: orNull(twin), delta: orNull(delta) };
  checkSide(side, numbers);
  return { side, stateDigest, ...numbers, ...counts };
}

/** The referee rounds to 1e-4: a hundred microbits. */
const unit = 100;

function inIntegers({ bitsPerByte, standardErrorBpb }: Estimate): HeldOutEstimate {
  const rounded = (bits: number) => unit * Math.round((bits * 1e6) / unit);
  return { microBitsPerByte: rounded(bitsPerByte), standardErrorMicroBits: rounded(standardErrorBpb) };
}

function orNull(estimate: Estimate | null): HeldOutEstimate | null {
  return estimate === null ? null : inIntegers(estimate);
}

function checkSide(
  side: HeldOutSide,
  { trained, twin, delta }: Pick<HeldOutMeasurement, 'trained' | 'twin' | 'delta'>,
): void {
  if (trained.microBitsPerByte < 0) throw new InvalidFileError('A code length is below 0.');
  const isVal = side === 'val';
  mustBe('a twin was measured', twin !== null, isVal);
  mustBe('a delta was measured', delta !== null, isVal);
  if (twin === null || delta === null) return;
  // Three numbers were rounded, each by half a unit at most.
  const off = Math.abs(twin.microBitsPerByte - trained.microBitsPerByte - delta.microBitsPerByte);
  if (off > unit) throw new InvalidFileError('delta is not what the twin costs more');
}

function checkCounts({ side, documents, bytes, tokens, cuts }: HeldOutMeasurement, asked: HeldOutSpec): void {
  if (documents === 0 || tokens === 0 || bytes === 0 || bytes > asked.bytes) {
    throw new InvalidFileError(`${bytes} bytes of ${documents} documents were measured, asked were ${asked.bytes}`);
  }
  const hasCuts = side === 'val' ? cuts >= asked.cuts : cuts === 0;
  if (!hasCuts) throw new InvalidFileError(`${cuts} cuts were put to the witness, asked were ${asked.cuts}`);
}
