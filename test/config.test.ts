import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, readConfig, readReviewerKey } from '../config.ts';
import { withFolder } from './storage/fixtures.ts';

describe('The configuration', () => {
  it('keeps the secret of cuts beside the log, wherever that is, unless it is told another place', () => {
    const fileOf = (environment: NodeJS.ProcessEnv) =>
      readConfig({ PRISM_DATA_DIR: '/data', ...environment }).cutSecretFile;
    expect(fileOf({})).to.equal('/data/cut-secret');
    expect(fileOf({ PRISM_LOG: 'sqlite:/logs/prism' })).to.equal('/logs/prism/cut-secret');
    expect(fileOf({ PRISM_LOG: 'esdb://cluster:2113' })).to.equal('/data/cut-secret');
    expect(fileOf({ PRISM_CUT_SECRET_FILE: '/run/secrets/cuts' })).to.equal('/run/secrets/cuts');
  });
});

describe('The configuration of a reviewer', () => {
  const reviewerOf = (environment: NodeJS.ProcessEnv) => readConfig(environment).reviewer;

  it('is none without a model, and OpenRouter where no address is given', () => {
    expect(reviewerOf({})).to.equal(null);
    expect(reviewerOf({ PRISM_LLM_MODEL: 'a/model' })).to.deep.equal({
      ...{ baseUrl: 'https://openrouter.ai/api/v1', model: 'a/model', keyFile: null },
    });
  });

  it('names the file of its key, never the key', () =>
    withFolder(async (folder) => {
      const keyFile = join(folder, 'key');
      writeFileSync(keyFile, 'sk-secret\n');
      const reviewer = reviewerOf({ PRISM_LLM_MODEL: 'm', PRISM_LLM_KEY_FILE: keyFile });
      expect(reviewer).to.include({ keyFile });
      expect(JSON.stringify(reviewer)).not.to.contain('sk-secret');
      expect(reviewer === null ? null : readReviewerKey(reviewer)).to.equal('sk-secret');
    }));

  const wrong: readonly (readonly [string, NodeJS.ProcessEnv])[] = [
    ['an address without a model', { PRISM_LLM_URL: 'http://127.0.0.1:8000/v1' }],
    ['a key without a model', { PRISM_LLM_KEY_FILE: '/dev/null' }],
    ['an address that is none', { PRISM_LLM_MODEL: 'm', PRISM_LLM_URL: 'openrouter' }],
    ['an address of another kind', { PRISM_LLM_MODEL: 'm', PRISM_LLM_URL: 'file:///etc' }],
    ['a password in the address', { PRISM_LLM_MODEL: 'm', PRISM_LLM_URL: 'https://a:b@example.org/v1' }],
    ['a key file that isn’t there', { PRISM_LLM_MODEL: 'm', PRISM_LLM_KEY_FILE: '/nowhere/key' }],
  ];
  for (const [what, environment] of wrong) {
    it(`is refused with ${what}`, () => {
      expect(() => readConfig(environment)).to.throw(ConfigError, 'PRISM_LLM_');
    });
  }
});
