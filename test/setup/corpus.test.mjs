import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { demoKey } from '../../gpu-runner/corpus/corpus.mjs';
import { clean, parseBible, parseDictionary, parseJargon, slug } from '../../gpu-runner/corpus/documents.mjs';
import { describeSplit, manifestText, problemOf, withFolders } from '../../gpu-runner/corpus/manifest.mjs';
import { PARTITION_RANGES, SPLITS, shardBytes, shardsOf, splitOf } from '../../gpu-runner/corpus/partition.mjs';

describe('the partition of locked data', () => {
  it('is the remainder of the keyed hash, as Python computes it', () => {
    // int(hmac.new(b'k' * 32, id.encode(), 'sha256').hexdigest(), 16) % 1000 is 0, 949, 950, 974, 975 and 999.
    const numbers = [1238, 64, 1577, 177, 220, 749];
    assert.deepEqual(
      numbers.map((number) => splitOf(Buffer.alloc(32, 'k'), `kjv/genesis/${number}`)),
      ['train', 'train', 'val', 'val', 'test', 'test'],
    );
  });

  it('gives every remainder to one split', () => {
    const owners = Array.from({ length: 1000 }, (_, remainder) =>
      SPLITS.filter((split) => remainder >= PARTITION_RANGES[split][0] && remainder <= PARTITION_RANGES[split][1]),
    );
    assert.ok(owners.every((splits) => splits.length === 1));
  });

  it('depends on the key', async () => {
    const ids = Array.from({ length: 400 }, (_, number) => `kjv/psalms/${number}`);
    const split = (key) => ids.filter((id) => splitOf(key, id) !== 'train');
    assert.notDeepEqual(split(await demoKey()), split(Buffer.alloc(32)));
  });

  it('has a committed demo key of 256 bits', async () => {
    assert.equal((await demoKey()).length, 32);
  });
});

describe('shards', () => {
  const documents = Array.from({ length: 1030 }, (_, number) => ({ id: `d/${number}`, text: `${number}\n` }));

  it('hold 1,024 documents sorted by the bytes of their ids, whatever order they came in', () => {
    const shards = shardsOf(documents.toReversed());
    assert.deepEqual(
      shards.map((shard) => shard.length),
      [1024, 6],
    );
    assert.deepEqual(
      shards.flat().map(({ id }) => id),
      documents.map(({ id }) => id).sort(),
    );
  });

  it('sort by UTF-8 bytes where that differs from UTF-16', () => {
    const [shard] = shardsOf([
      { id: '\u{1f600}', text: 'a' },
      { id: '\uff5e', text: 'b' },
    ]);
    assert.deepEqual(
      shard.map(({ text }) => text),
      ['b', 'a'],
    );
  });

  it('refuse two documents of one id', () => {
    assert.throws(() => shardsOf([...documents, documents[0]]), /two documents are called d\/0/);
  });

  it('are a JSON object a line', () => {
    assert.equal(shardBytes([{ text: 'a\nb\u2028"', id: 'x' }]).toString(), '{"id":"x","text":"a\\nb\u2028\\""}\n');
  });
});

describe('a locked-data manifest', () => {
  const documents = [
    { id: 'a', text: 'één\n' },
    { id: 'b', text: 'two\n' },
  ];
  let folder;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'prism-corpus-'));
    const split = describeSplit(shardsOf(documents));
    await mkdir(path.join(folder, 'val'));
    await writeFile(path.join(folder, 'val', '0000.jsonl'), shardBytes(documents));
    const facts = { sources: [], key: Buffer.alloc(32) };
    await writeFile(path.join(folder, 'val', 'MANIFEST.json'), manifestText({ ...facts, splits: { val: split } }));
    await writeFile(
      path.join(folder, 'MANIFEST.json'),
      manifestText({ ...facts, splits: withFolders({ val: split }) }),
    );
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('counts raw UTF-8 bytes of text, not of the shard', () => {
    const { documents: count, bytes, tokens } = describeSplit([documents]);
    assert.deepEqual({ count, bytes, tokens }, { count: 2, bytes: 10, tokens: { bytes: 10 } });
  });

  it('has a fingerprint of the documents that sharding does not change', () => {
    assert.equal(
      describeSplit([documents]).fingerprint,
      describeSplit(documents.map((document) => [document])).fingerprint,
    );
  });

  it('never contains the partition key', () => {
    const key = createHash('sha256').update('secret').digest();
    assert.ok(!manifestText({ sources: [], key, splits: {} }).includes(key.toString('hex')));
  });

  it('finds nothing wrong with what it describes, above the splits and in each', async () => {
    assert.deepEqual([await problemOf(folder), await problemOf(path.join(folder, 'val'))], [null, null]);
  });

  it('finds a changed byte in a shard', async () => {
    await writeFile(path.join(folder, 'val', '0000.jsonl'), shardBytes([documents[0], { id: 'b', text: 'twO\n' }]));
    assert.match(await problemOf(folder), /val\/0000\.jsonl isn't what the manifest says/);
  });

  it('finds a missing shard', async () => {
    await rm(path.join(folder, 'val', '0000.jsonl'));
    assert.match(await problemOf(folder), /ENOENT/);
  });
});

describe('the texts of the demo corpus', () => {
  const shortNames = Array.from(
    { length: 66 },
    (_, number) => `B${String.fromCharCode(97 + (number % 26))}${number < 26 ? '' : number < 52 ? 'x' : 'y'}`,
  );
  const bible = shortNames
    .map((name) => `${name}1:1 First verse.\n${name}1:2 Second.\n${name}2:1 Next chapter.\n`)
    .join('');

  it('makes a document of each chapter, named by the book’s place', () => {
    const chapters = parseBible(bible);
    assert.equal(chapters.length, 132);
    assert.deepEqual(chapters[0], { id: 'kjv/genesis/1', text: 'Genesis 1\n\nFirst verse.\nSecond.\n' });
    assert.equal(chapters.find(({ text }) => text.startsWith('Song of Solomon 2')).id, 'kjv/song-of-solomon/2');
    assert.equal(chapters.at(-1).id, 'kjv/revelation/2');
  });

  it('reads books whose short name begins with a digit', () => {
    const samuel = bible.replaceAll('Bi1:', '1Sm1:').replaceAll('Bi2:', '1Sm2:');
    assert.equal(parseBible(samuel)[16].id, 'kjv/1-samuel/1');
  });

  it('refuses a Bible with a book missing, and a line that is no verse', () => {
    assert.throws(() => parseBible(bible.split('\n').slice(3).join('\n')), /66 books, and 65 were read/);
    assert.throws(() => parseBible('Usage: bible'), /no verse/);
  });

  it('cuts dictionary entries at their offsets, one document for two headwords of one entry', () => {
    const text = Buffer.from('preface\nÉTAT, n.  The state.\nZED, n.  Last.\n');
    // Offsets and lengths in dictd's base 64: 8 = I, 22 = W, 30 = e, 15 = P.
    const index = '00databaseinfo\tA\tI\nstate\tI\tW\netat\tI\tW\nzed\te\tP\n';
    assert.deepEqual(parseDictionary(text, index), [
      { id: 'devil/etat', text: 'ÉTAT, n.  The state.\n' },
      { id: 'devil/zed', text: 'ZED, n.  Last.\n' },
    ]);
  });

  it('takes the lexicon’s entries, without the contents lists between letters', () => {
    const lexicon = [
      '                    Part\u00a0II.\u00a0The Jargon Lexicon',
      '  A',
      '   awk',
      '   :awk: /awk/, n.',
      '',
      '   1. A tool: old.',
      '',
      '  B',
      '   bar',
      '   :bar: //',
      '   Second.',
      '   :Bar:',
      '   Capital.',
      '                    Part\u00a0III.\u00a0Appendices',
      '   :not an entry:',
    ].join('\n');
    assert.deepEqual(parseJargon(lexicon), [
      { id: 'jargon/awk', text: ':awk: /awk/, n.\n\n1. A tool: old.\n' },
      { id: 'jargon/bar', text: ':bar: //\nSecond.\n' },
      { id: 'jargon/bar-2', text: ':Bar:\nCapital.\n' },
    ]);
  });

  it('cleans text to NFC, no trailing blanks, single empty lines and one newline at the end', () => {
    assert.equal(clean('\n\ne\u0301  \r\n\n\n\n b\t\n\n'), '\u00e9\n\n b\n');
  });

  it('makes ids of ASCII letters, digits and hyphens', () => {
    assert.equal(slug('Naïve  (Hacker)’s /dev/null'), 'naive-hacker-s-dev-null');
  });
});
