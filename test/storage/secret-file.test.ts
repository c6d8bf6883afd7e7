import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ensureSecretFile } from '../../storage/secret-file.ts';

describe('A secret file', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prism-secret-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const path = () => join(folder, 'of-its-own', 'secret');

  it('is made at the first start, for its owner’s eyes only, and read at every other', async () => {
    const secret = await ensureSecretFile(path());
    expect(secret).to.have.length(32);
    expect((await stat(path())).mode & 0o777).to.equal(0o600);
    expect(await ensureSecretFile(path())).to.deep.equal(secret);
    expect(await readdir(join(folder, 'of-its-own'))).to.deep.equal(['secret']);
  });

  it('is the same for all that start at once, and another one elsewhere', async () => {
    const secrets = await Promise.all(Array.from({ length: 8 }, () => ensureSecretFile(path())));
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).to.equal(1);
    expect(await ensureSecretFile(join(folder, 'elsewhere'))).not.to.deep.equal(secrets[0]);
  });

  it('that holds something else is refused and left as it is', async () => {
    const other = join(folder, 'other');
    await writeFile(other, 'correct horse');
    const refused = await ensureSecretFile(other).catch((error: Error) => error.name);
    expect(refused).to.equal('NoSecretError');
    expect(await readFile(other, 'utf8')).to.equal('correct horse');
  });
});
