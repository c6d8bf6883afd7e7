import { expect } from 'chai';
import { knownStreams } from '../../storage/kurrent-known-streams.ts';
import { kurrentClient, parseKurrentUrl } from '../../storage/kurrent-location.ts';
import { UnsupportedStorageError } from '../../storage/storage-url.ts';
import { range } from './fixtures.ts';

describe('kurrent location', () => {
  it('keeps the client’s string, shows no password, and takes the stream prefix out', () => {
    expect(
      parseKurrentUrl('esdb+discover://admin:s3cret@one:2113,two?tls=true&streamPrefix=season7&tlsCAFile=/ca.pem'),
    ).to.deep.equal({
      connectionString: 'esdb+discover://admin:s3cret@one:2113,two?tls=true&tlsCAFile=/ca.pem',
      shown: 'esdb+discover://one:2113,two',
      streamPrefix: 'season7.',
    });
  });

  it('takes the newer scheme for the same', () => {
    for (const url of ['kurrentdb://localhost', 'kurrentdb://localhost/']) {
      expect(parseKurrentUrl(url)).to.deep.equal({
        connectionString: 'esdb://localhost',
        shown: 'esdb://localhost',
        streamPrefix: 'prism.',
      });
    }
    expect(parseKurrentUrl('esdb://one:1,two:2/?tls=false').connectionString).to.equal('esdb://one:1,two:2?tls=false');
  });

  const refused: readonly [string, string][] = [
    ['esdb:', 'a cluster is'],
    ['esdb://', 'a cluster is'],
    ['esdb://u:s3cret@', 'a cluster is'],
    ['esdb://u:s3cret@h?throwOnAppendFailure=false', 'throwOnAppendFailure is not supported'],
    ['esdb://u:s3cret@h?tlsVerifyCert=false', 'tlsVerifyCert is not supported'],
    ['esdb://u:s3cret@h?streamPrefix=a.b', 'letters and digits'],
    ['esdb://u:s3cret@h?streamPrefix=', 'letters and digits'],
  ];
  for (const [url, problem] of refused) {
    it(`refuses ${url.replace('s3cret', '…')}, and keeps the password to itself`, () => {
      expect(() => parseKurrentUrl(url))
        .to.throw(UnsupportedStorageError, problem)
        .with.property('message')
        .that.does.not.contain('s3cret');
    });
  }

  for (const option of ['tls', 'tls=maybe', 'gossipTimeout=soon', 'tlsCAFile=/no/such/file']) {
    it(`says of ${option} what is wrong with it, and keeps the password to itself`, () => {
      const location = parseKurrentUrl(`esdb://u:s3cret@h?${option}`);
      expect(() => kurrentClient(location))
        .to.throw(UnsupportedStorageError, "esdb://h: the connection string can't be used")
        .that.satisfies((error: Error) => !`${error.message} ${String(error.cause)} ${error.stack}`.includes('s3cret'));
    });
  }
});

describe('known streams', () => {
  const events = (from: number, to: number) => range(from, to).map((revision) => ({ id: `id ${revision}`, revision }));

  it('know a stream from its beginning, as far as nothing is missing', () => {
    const known = knownStreams();
    known.note('a', events(3, 4));
    expect(known.get('a')).to.equal(undefined);
    known.note('a', events(0, 1));
    known.note('a', events(3, 4));
    expect(known.get('a')?.revision).to.equal(1);
    known.note('a', events(1, 3));
    expect(known.get('a')?.revision).to.equal(3);
    expect(known.get('a')?.revisionOf.get('id 3')).to.equal(3);
  });

  it('know that a stream is empty', () => {
    const known = knownStreams();
    known.noteEmpty('a');
    expect(known.get('a')?.revision).to.equal(-1);
  });

  it('forget whole streams, those first that nobody has used for longest', () => {
    const known = knownStreams(10);
    known.note('a', events(0, 3));
    known.note('b', events(0, 3));
    known.get('a');
    known.note('c', events(0, 3));
    expect(['a', 'b', 'c'].map((stream) => known.get(stream)?.revision)).to.deep.equal([3, undefined, 3]);
    known.note('d', events(0, 99));
    expect(['a', 'c', 'd'].map((stream) => known.get(stream)?.revision)).to.deep.equal([undefined, undefined, 99]);
  });
});
