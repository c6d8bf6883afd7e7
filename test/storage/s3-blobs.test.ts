import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { sha256Hex, UnknownBlobError } from '../../domain/blob-digest.ts';
import { BlobsUnavailableError } from '../../domain/ports/blobs-errors.ts';
import { s3Blobs } from '../../storage/s3-blobs.ts';
import { parseS3Url } from '../../storage/s3-location.ts';
import { UnsupportedStorageError } from '../../storage/storage-url.ts';
import { type Disturbance, type S3Server, startS3 } from '../doubles/s3/server.ts';
import { describeBlobsContract } from './blobs-contract.ts';
import { faultOf, range } from './fixtures.ts';

const keys = { accessKeyId: 'prism', secretAccessKey: 'a secret key' };

/** Credentials come by the environment, which every test finds as it was. */
function useCredentials(): void {
  const before = { ...process.env };
  beforeEach(() => {
    process.env.AWS_ACCESS_KEY_ID = keys.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = keys.secretAccessKey;
    process.env.AWS_EC2_METADATA_DISABLED = 'true';
  });
  afterEach(() => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED']) {
      delete process.env[name];
    }
    Object.assign(process.env, before);
  });
}

const pausesMs = [1, 1, 1];

async function openOn(server: S3Server) {
  const spoolFolder = await mkdtemp(join(tmpdir(), 'prism-spool-'));
  const location = parseS3Url(`s3://bucket/some/prefix?endpoint=${server.endpoint}`);
  const blobs = s3Blobs({ location, spoolFolder, pausesMs });
  const leftovers = () => readdir(spoolFolder);
  const dispose = async () => {
    blobs.close();
    await server.stop();
    await rm(spoolFolder, { recursive: true });
  };
  return { blobs, leftovers, dispose };
}

const keyOf = (sha256: string) => `some/prefix/${sha256.slice(0, 2)}/${sha256}`;

describe('s3 blobs', () => {
  useCredentials();

  describeBlobsContract('s3, over the loopback double', async () => {
    const server = await startS3('bucket', keys);
    return {
      ...(await openOn(server)),
      damage: async (sha256) => {
        const stored = server.objects.get(keyOf(sha256)) ?? Buffer.alloc(1);
        stored.writeUInt8(stored.readUInt8(0) ^ 1, 0);
      },
    };
  });

  describe('requests', () => {
    let server: S3Server;
    let opened: Awaited<ReturnType<typeof openOn>>;
    beforeEach(async () => {
      server = await startS3('bucket', keys);
      opened = await openOn(server);
    });
    afterEach(() => opened.dispose());

    const bytes = randomBytes(300_000);
    const sha256 = sha256Hex(bytes);
    const stream = () => Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)], { objectMode: false });

    it('store a blob under the name that a file of it would have', async () => {
      await opened.blobs.put(stream());
      expect([...server.objects.keys()]).to.deep.equal([keyOf(sha256)]);
    });

    const passing: Disturbance[] = [
      { status: 503, code: 'SlowDown' },
      { status: 500, code: 'InternalError' },
      { status: 400, code: 'RequestTimeout' },
      'noAnswer',
    ];
    for (const disturbance of passing) {
      const what = typeof disturbance === 'string' ? disturbance : disturbance.code;
      it(`that meet ${what} are made again, with the whole body`, async () => {
        server.disturb(disturbance, disturbance);
        await opened.blobs.put(stream());
        server.disturb(disturbance, disturbance);
        expect((await buffer(await opened.blobs.open(sha256))).equals(bytes)).to.equal(true);
        expect(server.requests).to.deep.equal(['PUT', 'PUT', 'PUT', 'GET', 'GET', 'GET']);
      });
    }

    it('whether a blob is there are made again too, and told apart from its absence', async () => {
      server.disturb({ status: 503, code: 'SlowDown' }, 'noAnswer');
      expect(await opened.blobs.has(sha256)).to.equal(false);
      expect(server.requests).to.have.length(3);
      server.disturb({ status: 403, code: 'AccessDenied' });
      expect(await faultOf(opened.blobs.has(sha256)))
        .to.be.instanceOf(BlobsUnavailableError)
        .with.property('code', 'HTTP 403');
    });

    it('that never succeed are a fault with the server’s code, and leave nothing behind', async () => {
      server.disturb(...range(1, 4).map(() => ({ status: 503, code: 'SlowDown' })));
      const fault = await faultOf(opened.blobs.put(stream()));
      expect(fault).to.be.instanceOf(BlobsUnavailableError).with.property('code', 'SlowDown');
      expect(String(fault)).to.contain(`s3://bucket at ${server.endpoint}`);
      expect(server.objects.size).to.equal(0);
      expect(await opened.leftovers()).to.deep.equal([]);
    });

    it('that nobody answers are a fault', async () => {
      await server.stop();
      expect(await faultOf(opened.blobs.has(sha256)))
        .to.be.instanceOf(BlobsUnavailableError)
        .with.property('code', 'ECONNREFUSED');
      server = await startS3('bucket', keys);
      opened = await openOn(server);
    });

    it('with wrong credentials are made once, and don’t tell them', async () => {
      process.env.AWS_SECRET_ACCESS_KEY = 'another one';
      const fault = await faultOf(opened.blobs.put(bytes));
      expect(fault).to.be.instanceOf(BlobsUnavailableError).with.property('code', 'SignatureDoesNotMatch');
      expect(String(fault)).to.not.contain('another one');
      expect(server.requests).to.deep.equal(['PUT']);
    });

    it('without credentials are not made', async () => {
      delete process.env.AWS_ACCESS_KEY_ID;
      expect(await faultOf(opened.blobs.put(bytes)))
        .to.be.instanceOf(BlobsUnavailableError)
        .with.property('code', 'CredentialsProviderError');
      expect(server.requests).to.deep.equal([]);
    });

    it('to a bucket that isn’t there are a fault, and no unknown blob', async () => {
      const location = parseS3Url(`s3://elsewhere?endpoint=${server.endpoint}`);
      const blobs = s3Blobs({ location, spoolFolder: tmpdir(), pausesMs });
      const fault = await faultOf(blobs.open(sha256));
      expect(fault).to.be.instanceOf(BlobsUnavailableError).with.property('code', 'NoSuchBucket');
      blobs.close();
    });

    it('that break off in the middle of a body end the read with an error', async () => {
      await opened.blobs.put(bytes);
      server.disturb('halfAnswer');
      const reading = await opened.blobs.open(sha256);
      expect(await faultOf(buffer(reading)))
        .to.be.instanceOf(Error)
        .and.not.instanceOf(UnknownBlobError);
    });
  });
});

/**
 * A bucket of a real server, such as `s3://prism-test/contract?endpoint=http://localhost:9000`, with credentials in the environment.
 * Blobs are left there.
 */
const realUrl = process.env.PRISM_TEST_S3_URL;

describe('s3 blobs, on a real server', () => {
  if (realUrl === undefined) {
    it('is skipped: PRISM_TEST_S3_URL names none');
    return;
  }
  const location = parseS3Url(realUrl);
  describeBlobsContract('s3, at PRISM_TEST_S3_URL', async () => {
    const spoolFolder = await mkdtemp(join(tmpdir(), 'prism-spool-'));
    const prefix = `${location.prefix}${randomBytes(8).toString('hex')}/`;
    const blobs = s3Blobs({ location: { ...location, prefix }, spoolFolder });
    const { endpoint, region, pathStyle: forcePathStyle } = location;
    const stock = new S3Client({ ...(endpoint && { endpoint }), ...(region && { region }), forcePathStyle });
    return {
      blobs,
      async damage(sha256) {
        const object = { Bucket: location.bucket, Key: `${prefix}${sha256.slice(0, 2)}/${sha256}` };
        const { Body } = await stock.send(new GetObjectCommand(object));
        const stored = Buffer.from((await Body?.transformToByteArray()) ?? []);
        stored.writeUInt8(stored.readUInt8(0) ^ 1, 0);
        await stock.send(new PutObjectCommand({ ...object, Body: stored }));
      },
      leftovers: () => readdir(spoolFolder),
      async dispose() {
        blobs.close();
        stock.destroy();
        await rm(spoolFolder, { recursive: true });
      },
    };
  });
});

describe('s3 location', () => {
  it('is a bucket of AWS, or of another server in path style', () => {
    expect(parseS3Url('s3://my-bucket')).to.deep.equal({
      ...{ bucket: 'my-bucket', prefix: '', endpoint: null, region: null, pathStyle: false },
    });
    expect(parseS3Url('s3://my.bucket/a/b/?endpoint=https://minio:9000&region=eu-west-1')).to.deep.equal({
      ...{ bucket: 'my.bucket', prefix: 'a/b/', endpoint: 'https://minio:9000', region: 'eu-west-1', pathStyle: true },
    });
  });

  for (const url of [
    's3:bucket',
    's3://',
    's3://Bucket',
    's3://bucket/a b',
    's3://bucket?endpoint=minio:9000',
    's3://bucket?endpoint=ftp://minio',
    's3://bucket?secret=x',
    's3://bucket?pathStyle=maybe',
  ]) {
    it(`refuses ${url}`, () => {
      expect(() => parseS3Url(url)).to.throw(UnsupportedStorageError);
    });
  }
});
