import { expect } from 'chai';
import { readConfig } from '../config.ts';

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
