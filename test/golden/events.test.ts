import { expect } from 'chai';
import { z } from 'zod';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { eventCatalog, eventSchemas, newestVersion, toDomainEvent } from '../../domain/event-catalog.ts';
import type { Upcasters } from '../../domain/upcasters.ts';
import { decodeEnvelope, encodeEnvelope } from '../../storage/stored-event.ts';
import { describeSchema, goldenName, goldenNames, makeGolden, readGolden } from './golden-event.ts';

const types = Object.entries(eventSchemas);
const versionsOf = (type: string) => Array.from({ length: newestVersion(type) }, (_, index) => index + 1);

describe('Every version of every event type', () => {
  it('has a golden file (`npm run golden` writes a missing one), and no golden file is of anything else', () => {
    const expected = types.flatMap(([type]) => versionsOf(type).map((version) => goldenName(type, version)));
    expect(goldenNames()).to.deep.equal(expected.toSorted());
  });

  for (const [type, schema] of types) {
    it(`${type}: the newest schema is the golden one; a change of it is a new version with an upcaster`, () => {
      const golden = readGolden(goldenName(type, newestVersion(type)));
      expect(describeSchema(schema)).to.deep.equal(golden.schema);
    });

    for (const version of versionsOf(type)) {
      it(`${type} v${version} is stored as it was, and reads`, () => {
        for (const { text, sha256 } of readGolden(goldenName(type, version)).stored) {
          const bytes = Buffer.from(text, 'utf8');
          expect(sha256Hex(bytes)).to.equal(sha256);
          const envelope = decodeEnvelope(bytes);
          expect(envelope).to.include({ type, schemaVersion: version });
          expect(toDomainEvent(envelope)).to.have.property('type', type);
          expect(Buffer.from(encodeEnvelope(envelope)).equals(bytes)).to.equal(true);
        }
      });
    }
  }
});

describe('The description of a schema', () => {
  const one = z.strictObject({ kind: z.enum(['a', 'b']), count: z.int().nonnegative(), note: z.string().nullable() });
  const changed: readonly [string, z.ZodType][] = [
    ['one more member', one.extend({ more: z.string().optional() })],
    ['one member less', one.omit({ note: true })],
    ['one more choice', one.extend({ kind: z.enum(['a', 'b', 'c']) })],
    ['another bound', one.extend({ count: z.int().positive() })],
    ['no null', one.extend({ note: z.string() })],
    ['members that nobody named', z.looseObject(one.shape)],
  ];
  for (const [what, schema] of changed) {
    it(`tells ${what}`, () => {
      expect(describeSchema(schema)).to.not.deep.equal(describeSchema(one));
    });
  }
});

/** A type that has seen two changes: seconds became milliseconds, and then got a reason. */
const waited = z.strictObject({ waitedMs: z.int(), reason: z.string().nullable() });
const steps: Upcasters = {
  Waited: [
    ({ seconds, ...rest }) => ({ ...rest, waitedMs: Number(seconds) * 1_000 }),
    (data) => ({ ...data, reason: null }),
  ],
};
const catalog = eventCatalog<{ type: 'Waited'; data: z.infer<typeof waited> }>({ Waited: waited }, steps);

function stored(schemaVersion: number, schema: z.ZodType): Uint8Array {
  const [first] = makeGolden('Waited', schemaVersion, schema).stored;
  return Buffer.from(first?.text ?? '', 'utf8');
}

describe('An upcaster', () => {
  it('reads every version ever written as the newest, one step after the other', () => {
    const first = stored(1, z.strictObject({ seconds: z.int() }));
    const second = stored(2, z.strictObject({ waitedMs: z.int() }));
    const third = stored(3, waited);
    const read = [first, second, third].map((bytes) => catalog.read(decodeEnvelope(bytes)).data);
    expect(read.map(({ waitedMs }) => waitedMs)).to.deep.equal([1_000, 1, 1]);
    expect(read.map(({ reason }) => reason === null)).to.deep.equal([true, true, false]);
    expect(catalog.newestVersion('Waited')).to.equal(3);
  });

  it('leaves the envelope and the stored bytes as they are', () => {
    const bytes = stored(1, z.strictObject({ seconds: z.int() }));
    const envelope = decodeEnvelope(bytes);
    const before = structuredClone(envelope);
    catalog.read(envelope);
    expect(envelope).to.deep.equal(before);
    expect(Buffer.from(encodeEnvelope(envelope)).equals(bytes)).to.equal(true);
  });

  it('that yields another shape, or throws, makes the event unreadable', () => {
    const envelope = decodeEnvelope(stored(1, z.strictObject({ seconds: z.int() })));
    const wrong = eventCatalog({ Waited: waited }, { Waited: [(data) => data] });
    expect(() => wrong.read(envelope)).to.throw('another shape');
    const broken = eventCatalog(
      { Waited: waited },
      {
        Waited: [
          () => {
            throw new Error('bug');
          },
        ],
      },
    );
    expect(() => broken.read(envelope))
      .to.throw('newest version')
      .with.nested.property('cause.message', 'bug');
  });

  it('is not asked about a version of the future', () => {
    expect(() => catalog.read({ ...decodeEnvelope(stored(3, waited)), schemaVersion: 4 })).to.throw(
      'unknown schema version',
    );
  });
});
