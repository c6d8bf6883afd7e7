import { crc32, deflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { codeHash } from '../../domain/bundle.ts';
import { readArchive } from '../../gates/intake.ts';
import { bundleLimits, zipRules } from '../../gates/zip-rules.ts';
import { type WrittenEnd, type WrittenEntry, writeZip } from './zip-writer.ts';

const script: WrittenEntry = { name: 'architecture.py', content: 'def build_model(ctx): ...\n' };

async function verdict(entries: readonly WrittenEntry[], end?: WrittenEnd): Promise<string> {
  return verdictOf(writeZip(entries, end));
}

async function verdictOf(archive: Uint8Array): Promise<string> {
  const read = await readArchive(archive);
  return read.kind === 'refused' ? read.rule : read.kind;
}

function extra(id: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(id, 0);
  header.writeUInt16LE(content.length, 2);
  return Buffer.concat([header, content]);
}

describe('intake of an honest archive', () => {
  it('reads stored and deflated files, sorted by path, and hashes their canonical form', async () => {
    const read = await readArchive(writeZip([{ name: 'training.py', content: 'b', method: 0 }, script]));
    if (read.kind === 'refused') throw new Error(read.detail);
    expect(read.files.map((file) => file.path)).to.deep.equal(['architecture.py', 'training.py']);
    expect(Buffer.from(read.files[1]?.bytes ?? []).toString()).to.equal('b');
    expect(read.codeHash).to.equal(codeHash(read.files));
    expect(read.contentBytes).to.equal(27);
  });

  it('gives one code hash to the same files, whatever order, method or comment the archive has', async () => {
    const hashes = [
      writeZip([script, { name: 'a.txt', content: 'x' }]),
      writeZip(
        [
          { name: 'a.txt', content: 'x', method: 0 },
          { ...script, descriptor: 'signed' },
        ],
        { comment: Buffer.from('hello') },
      ),
    ].map(async (archive) => {
      const read = await readArchive(archive);
      return read.kind === 'accepted' ? read.codeHash : read.detail;
    });
    const [first, second] = await Promise.all(hashes);
    expect(first).to.equal(second);
  });

  for (const descriptor of ['signed', 'unsigned'] as const) {
    it(`accepts a streaming writer's ${descriptor} data descriptor`, async () => {
      expect(
        await verdict([
          { ...script, descriptor },
          { name: 'a.txt', content: 'x', descriptor },
        ]),
      ).to.equal('accepted');
    });
  }

  it('ignores folders, empty files and extra fields that change nothing', async () => {
    const folder: WrittenEntry = { name: 'blocks/', mode: 0o040755, method: 0 };
    const timestamps = extra(0x5455, Buffer.from([1, 0, 0, 0, 0]));
    const read = await readArchive(
      writeZip([folder, { ...script, extra: timestamps }, { name: 'blocks/__init__.py', content: '' }]),
    );
    expect(read.kind === 'accepted' && read.files.map((file) => file.path)).to.deep.equal([
      'architecture.py',
      'blocks/__init__.py',
    ]);
  });

  it('accepts names in UTF-8', async () => {
    expect(await verdict([script, { name: 'größe.md', content: 'x' }])).to.equal('accepted');
  });

  it('keeps paths as they are, a common top-level folder included', async () => {
    const read = await readArchive(writeZip([{ ...script, name: 'repo/architecture.py' }]));
    expect(read.kind === 'accepted' && read.files[0]?.path).to.equal('repo/architecture.py');
  });

  it('accepts exactly 200 files', async () => {
    const files = Array.from({ length: bundleLimits.files }, (_, index) => ({ name: `m${index}.py`, content: 'x' }));
    expect(await verdict(files)).to.equal('accepted');
  });

  it('accepts exactly 2,000,000 bytes of content', async () => {
    expect(await verdict([{ name: 'a.txt', content: Buffer.alloc(bundleLimits.contentBytes, 65) }])).to.equal(
      'accepted',
    );
  });
});

describe('intake of a body that is no whole archive', () => {
  it('refuses an empty body and one that is something else', async () => {
    expect(await verdictOf(new Uint8Array())).to.equal('prism:zip-not-an-archive');
    expect(await verdictOf(Buffer.from('{"code": "…"}'))).to.equal('prism:zip-not-an-archive');
  });

  it('refuses more than 7,500,000 bytes without looking into them', async () => {
    expect(await verdictOf(Buffer.alloc(bundleLimits.archiveBytes + 1))).to.equal('prism:zip-too-large');
  });

  it('refuses an archive cut off at any byte', async () => {
    const whole = writeZip([script, { name: 'training.py', content: 'x'.repeat(50) }]);
    for (let length = 1; length < whole.length; length++) {
      expect(await verdictOf(whole.subarray(0, length)), `at ${length}`).to.be.oneOf([
        'prism:zip-truncated',
        'prism:zip-not-an-archive',
      ]);
    }
  });

  it('refuses bytes before the first entry', async () => {
    const prefix = Buffer.from('#!/bin/sh\nexit\n');
    expect(await verdict([script], { prefix })).to.equal('prism:zip-leading-bytes');
    const shifted = writeZip([{ ...script, offset: 0 }], { directoryOffset: 0 });
    expect(await verdictOf(Buffer.concat([prefix, shifted]))).to.not.equal('accepted');
  });

  it('refuses bytes behind the end', async () => {
    expect(await verdict([script], { suffix: Buffer.from('more') })).to.equal('prism:zip-trailing-bytes');
  });

  it('refuses a second archive hidden in the comment', async () => {
    expect(await verdict([script], { comment: writeZip([{ name: 'other.py', content: 'x' }]) })).to.match(
      /^prism:zip-/,
    );
  });

  it('refuses bytes that belong to no entry, and entries that the directory hides', async () => {
    expect(await verdict([script], { afterEntries: Buffer.from('hidden') })).to.equal('prism:zip-structure');
    expect(await verdict([script, { name: 'hidden.py', content: 'x', localOnly: true }])).to.equal(
      'prism:zip-structure',
    );
  });

  it('refuses entries that share their bytes', async () => {
    const nested: WrittenEntry = { ...script, directoryOnly: true, offset: 0 };
    expect(await verdict([script, nested])).to.match(/^prism:zip-(structure|duplicate)$/);
  });

  it('refuses a directory that is elsewhere, longer or shorter than stated', async () => {
    expect(await verdict([script], { directoryOffset: 5 })).to.equal('prism:zip-structure');
    expect(await verdict([script], { count: 2 })).to.equal('prism:zip-structure');
    expect(await verdict([script, { name: 'a.py', content: '' }], { count: 1 })).to.equal('prism:zip-structure');
  });

  it('refuses an archive over several volumes', async () => {
    expect(await verdict([script], { disk: 1 })).to.equal('prism:zip-structure');
  });

  it('refuses ZIP64: locator, sentinels and extra fields', async () => {
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    expect(await verdict([script], { beforeEnd: locator })).to.equal('prism:zip-zip64');
    expect(await verdict([script], { count: 0xffff })).to.equal('prism:zip-zip64');
    expect(await verdict([{ ...script, contentBytes: 0xffffffff }])).to.equal('prism:zip-zip64');
    expect(await verdict([{ ...script, extra: extra(1, Buffer.alloc(16)) }])).to.equal('prism:zip-zip64');
  });

  it('refuses an archive without files', async () => {
    expect(await verdict([])).to.match(/^prism:zip-(empty|not-an-archive)$/);
    expect(await verdict([{ name: 'folder/', mode: 0o040755, method: 0 }])).to.equal('prism:zip-empty');
  });
});

describe('intake of entries', () => {
  const cases: readonly { readonly it: string; readonly rule: string; readonly entry: WrittenEntry }[] = [
    { it: 'a path that climbs out', rule: 'prism:zip-parent-path', entry: { name: '../../etc/x.py' } },
    { it: 'a path that climbs out from within', rule: 'prism:zip-parent-path', entry: { name: 'a/../../x.py' } },
    { it: 'an absolute path', rule: 'prism:zip-absolute-path', entry: { name: '/etc/x.py' } },
    { it: 'a drive letter', rule: 'prism:zip-drive-letter', entry: { name: 'C:/x.py' } },
    { it: 'an alternate stream', rule: 'prism:zip-drive-letter', entry: { name: 'a.txt:x.py' } },
    { it: 'a backslash', rule: 'prism:zip-backslash', entry: { name: '..\\x.py' } },
    { it: 'a NUL in a name', rule: 'prism:zip-control-character', entry: { name: 'x.py\0.txt' } },
    { it: 'a control character in a name', rule: 'prism:zip-control-character', entry: { name: 'x\x1b[2J.py' } },
    {
      it: 'a text direction override in a name',
      rule: 'prism:zip-control-character',
      entry: { name: 'x\u202eyp.txt' },
    },
    {
      it: 'a name that is not UTF-8',
      rule: 'prism:zip-name-encoding',
      entry: { name: Buffer.from([0x66, 0xff, 0x2e, 0x70, 0x79]) },
    },
    {
      it: 'an overlong encoding of a slash',
      rule: 'prism:zip-name-encoding',
      entry: { name: Buffer.from([0xc0, 0xaf, 0x2e, 0x70, 0x79]) },
    },
    { it: 'an empty name', rule: 'prism:zip-path-form', entry: { name: '' } },
    { it: 'an empty segment', rule: 'prism:zip-path-form', entry: { name: 'a//x.py' } },
    { it: 'a dot segment', rule: 'prism:zip-path-form', entry: { name: './x.py' } },
    { it: 'a path of more than 240 bytes', rule: 'prism:zip-path-form', entry: { name: `${'a'.repeat(240)}.py` } },
    { it: 'a suffix that is not allowed', rule: 'prism:zip-suffix', entry: { name: 'weights.bin' } },
    { it: 'a native library', rule: 'prism:zip-suffix', entry: { name: 'fast.so' } },
    { it: 'a suffix in other case', rule: 'prism:zip-suffix', entry: { name: 'x.PY' } },
    { it: 'a name that is only a suffix', rule: 'prism:zip-suffix', entry: { name: 'a/.py' } },
    { it: 'an archive by its suffix', rule: 'prism:zip-nested-archive', entry: { name: 'inner.zip' } },
    {
      it: 'a symbolic link',
      rule: 'prism:zip-symlink',
      entry: { name: 'x.py', content: '/etc/passwd', mode: 0o120777 },
    },
    { it: 'a device', rule: 'prism:zip-special-file', entry: { name: 'x.py', mode: 0o020666 } },
    { it: 'a folder mode on a file', rule: 'prism:zip-special-file', entry: { name: 'x.py', mode: 0o040755 } },
    {
      it: 'a folder with content',
      rule: 'prism:zip-folder-content',
      entry: { name: 'x/', content: 'hidden', mode: 0o040755 },
    },
    { it: 'an encrypted entry', rule: 'prism:zip-encrypted', entry: { name: 'x.py', flags: 0x01 } },
    { it: 'a strongly encrypted entry', rule: 'prism:zip-encrypted', entry: { name: 'x.py', flags: 0x40 } },
    { it: 'an AES entry', rule: 'prism:zip-encrypted', entry: { name: 'x.py', method: 99 } },
    { it: 'bzip2', rule: 'prism:zip-method', entry: { name: 'x.py', method: 12 } },
    {
      it: 'a name that its own header spells otherwise',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', local: { name: 'y.py' } },
    },
    {
      it: 'a method that its own header states otherwise',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', local: { method: 0 } },
    },
    {
      it: 'flags that its own header states otherwise',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', local: { flags: 8 } },
    },
    {
      it: 'a size that its own header states otherwise',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', local: { contentBytes: 9 } },
    },
    {
      it: 'a name that its extra field spells otherwise',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', extra: extra(0x7075, Buffer.from('\x01\0\0\0\0y.py')) },
    },
    {
      it: 'an extra field cut short',
      rule: 'prism:zip-structure',
      entry: { name: 'x.py', extra: Buffer.from([1, 2, 200, 0]) },
    },
    {
      it: 'a header that is not where the directory says',
      rule: 'prism:zip-header-mismatch',
      entry: { name: 'x.py', offset: 3 },
    },
    {
      it: 'content that runs into the directory',
      rule: 'prism:zip-structure',
      entry: { name: 'x.py', compressedBytes: 5_000 },
    },
    { it: 'a wrong checksum', rule: 'prism:zip-content-mismatch', entry: { name: 'x.py', content: 'x', crc: 1 } },
    {
      it: 'a wrong checksum behind a data descriptor',
      rule: 'prism:zip-content-mismatch',
      entry: { name: 'x.py', content: 'x', crc: 1, descriptor: 'signed' },
    },
    {
      it: 'more content than the header states',
      rule: 'prism:zip-content-mismatch',
      entry: { name: 'x.py', content: 'xxxx', contentBytes: 3 },
    },
    {
      it: 'less content than the header states',
      rule: 'prism:zip-content-mismatch',
      entry: { name: 'x.py', content: 'xxxx', contentBytes: 5 },
    },
    {
      it: 'a stored entry with two sizes',
      rule: 'prism:zip-content-mismatch',
      entry: { name: 'x.py', content: 'xxxx', method: 0, contentBytes: 5 },
    },
    {
      it: 'damaged compression',
      rule: 'prism:zip-broken-content',
      entry: { name: 'x.py', content: 'x', compressed: Buffer.from([0xff, 0xff, 0xff]) },
    },
    {
      it: 'compression that ends early',
      rule: 'prism:zip-broken-content',
      entry: { name: 'x.py', content: 'x', compressed: Buffer.from([0x00]) },
    },
    {
      it: 'an archive by its content',
      rule: 'prism:zip-nested-archive',
      entry: { name: 'notes.txt', content: writeZip([script]) },
    },
    {
      it: 'gzip by its content',
      rule: 'prism:zip-nested-archive',
      entry: { name: 'notes.txt', content: Buffer.from([0x1f, 0x8b, 8, 0]) },
    },
    {
      it: 'tar by its content',
      rule: 'prism:zip-nested-archive',
      entry: { name: 'notes.txt', content: `${'a'.repeat(257)}ustar\0` },
    },
  ];
  for (const each of cases) {
    it(`refuses ${each.it}`, async () => {
      expect(await verdict([script, { mode: 0o100644, ...each.entry }])).to.equal(each.rule);
    });
  }

  it('names the entry, made printable', async () => {
    const read = await readArchive(writeZip([script, { name: 'x\x1b[2J.py' }]));
    expect(read.kind === 'refused' && read.entry).to.equal('x\u{FFFD}[2J.py');
  });

  const pairs: readonly (readonly [string, string, string, string])[] = [
    ['the same path twice', 'x.py', 'x.py', 'prism:zip-duplicate'],
    ['paths that differ by case', 'x.py', 'X.py', 'prism:zip-duplicate'],
    ['paths that differ by Unicode form', 'e\u0301.py', '\u00e9.py', 'prism:zip-duplicate'],
    ['paths that Python takes for the same', '\ufb01t.py', 'fit.py', 'prism:zip-duplicate'],
    ['paths that differ by a long s', 'li\u017ft.py', 'list.py', 'prism:zip-duplicate'],
    ['folders that differ by case', 'a/x.py', 'A/y.py', 'prism:zip-duplicate'],
    ['a file that is a folder of another', 'a.py', 'a.py/b.py', 'prism:zip-file-as-folder'],
    ['a folder that is a file too', 'a.py/', 'a.py', 'prism:zip-file-as-folder'],
  ];
  for (const [what, left, right, rule] of pairs) {
    it(`refuses ${what}`, async () => {
      const entries = [left, right].map((name) => ({ name, mode: name.endsWith('/') ? 0o040755 : 0o100644 }));
      expect(await verdict(entries)).to.equal(rule);
      expect(await verdict(entries.toReversed())).to.equal(rule);
    });
  }

  it('refuses 201 files, 201 folders and 401 entries', async () => {
    const many = (count: number, name: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => ({ name: name(index), mode: 0 }));
    expect(await verdict(many(201, (index) => `m${index}.py`))).to.equal('prism:zip-too-many-files');
    expect(await verdict([script, ...many(201, (index) => `m${index}/`)])).to.equal('prism:zip-too-many-files');
    expect(await verdict(many(401, (index) => `m${index}.py`))).to.equal('prism:zip-too-many-files');
  });

  it('keeps a closed list of rules, each with an explanation', () => {
    for (const [rule, explanation] of Object.entries(zipRules)) {
      expect(rule).to.match(/^prism:zip-[a-z0-9-]+$/);
      expect(explanation).to.match(/\.$/);
    }
  });
});

describe('intake of bombs', () => {
  const megabyte = Buffer.alloc(2 ** 20);

  it('refuses honest headers that claim more than 2,000,000 bytes', async () => {
    expect(
      await verdict([
        { name: 'a.txt', content: megabyte },
        { name: 'b.txt', content: megabyte },
      ]),
    ).to.equal('prism:zip-too-much-content');
  });

  // 64 MB of zeros in 64 kB: an entry that would cost memory if its end were ever reached.
  const zeros = Buffer.alloc(64 * megabyte.length);
  const bomb: WrittenEntry = { name: 'a.txt', compressed: deflateRawSync(zeros, { level: 6 }), crc: crc32(zeros) };

  for (const descriptor of [undefined, 'signed'] as const) {
    it(`stops inflating where the header's lie shows (${descriptor ?? 'no'} descriptor)`, async () => {
      const archive = writeZip([{ ...bomb, contentBytes: 10, ...(descriptor && { descriptor }) }]);
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 10; round++) expect(await verdictOf(archive)).to.equal('prism:zip-content-mismatch');
      expect(process.memoryUsage().rss - before).to.be.lessThan(zeros.length);
    });
  }

  it('refuses overlapping entries, the way the small bombs are made', async () => {
    const kernel: WrittenEntry = { ...bomb, name: 'a0.txt', contentBytes: 10 };
    const copies = Array.from({ length: 100 }, (_, index) => ({
      ...kernel,
      name: `a${index + 1}.txt`,
      directoryOnly: true,
      offset: 0,
    }));
    expect(await verdict([kernel, ...copies])).to.match(/^prism:zip-(structure|header-mismatch)$/);
  });
});
