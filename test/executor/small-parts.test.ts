import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { pack } from 'tar-stream';
import { cutsLimitBytes } from '../../domain/integrity/cuts-size.ts';
import { policySchema } from '../../domain/policy/policy.ts';
import { inputArchive, readOutputs, tarOf } from '../../executor/attempt-archive.ts';
import { counterIn } from '../../executor/cgroup-watch.ts';
import { cutKeyOf, lotOf, rowKeyOf } from '../../executor/cut-keys.ts';
import { assertConfining } from '../../executor/engine-facts.ts';
import { faultResult, toRecordable } from '../../executor/evidence.ts';
import { lineSplitter, outputTap } from '../../executor/output-tap.ts';
import { persistently } from '../../executor/persistently.ts';
import { buildRunSpec, forcedSeed } from '../../executor/run-spec.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { contract } from '../domain/submission-examples.ts';
import { spec } from './run-examples.ts';

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the run spec', () => {
  const secret = Buffer.from('a season');

  it('derives the seed as the protocol says, 31 bits of it', () => {
    const mac = createHmac('sha256', secret)
      .update(Buffer.from(`seed\0${spec.codeHash}`))
      .digest();
    expect(forcedSeed(secret, spec.codeHash)).to.equal(
      Number(BigInt(`0x${mac.toString('hex').slice(0, 8)}`) & 0x7fffffffn),
    );
  });

  it('carries what was asked, and nothing that differs between attempts but their key', () => {
    const policy = policySchema.parse({ streamBytes: 8_192 });
    const asked = {
      purpose: 'score',
      codeHash: spec.codeHash,
      contract,
      policy,
      limits: policy.limits,
      density: policy.integrity.run,
      runner: spec,
      seasonSecret: secret,
      cutSecret: Buffer.from('cuts'),
      deviceClass: 'cpu',
      threads: 1,
    } as const;
    const key = { submissionId: 's', run: 'score', attempt: 1, fencingToken: 1 };
    const [first, second] = [1, 2].map((attempt) =>
      buildRunSpec({ ...asked, key: { ...key, attempt, fencingToken: attempt } }),
    );
    expect({ ...second, attempt: 1, fencingToken: 1 }).to.deep.equal(first);
    expect(first).to.deep.include({
      schema: 'prism_run_spec.v2',
      streamBytes: 8_192,
      seasonSecret: secret.toString('hex'),
      device: 'cpu',
      worldSize: 1,
      backend: 'gloo',
    });
    expect(first?.architecture).to.deep.equal({ entrypoint: 'architecture.py', symbol: 'build_model' });
    expect(first?.limits).to.have.all.keys(Object.keys(spec.limits));
    expect(first?.rows.fraction).to.equal(1);
    expect(buildRunSpec({ ...asked, key: { ...key, attempt: 1, fencingToken: 1 }, deviceClass: 'gpu' })).to.deep.equal({
      ...first,
      device: 'cuda',
      backend: 'nccl',
    });
  });

  it('has one cut key a run, whatever the attempt, and one row key a submission, whatever the run', () => {
    const cuts = Buffer.from('cuts');
    const hmac = (text: string) => createHmac('sha256', cuts).update(text).digest();
    expect(cutKeyOf(cuts, 's', 'score')).to.deep.equal(hmac('s:score'));
    expect(cutKeyOf(cuts, 's', 'rerun')).to.deep.equal(hmac('s:rerun'));
    expect(rowKeyOf(cuts, 's')).to.deep.equal(hmac('s:rows'));
    const lots = Array.from({ length: 1_000 }, (_, index) => lotOf(cuts, `s${index}`));
    expect(Math.min(...lots)).to.be.at.least(0);
    expect(Math.max(...lots)).to.be.below(1);
    expect(lots.filter((lot) => lot < 0.2).length).to.be.within(150, 250);
  });
});

describe('the output tap', () => {
  it('keeps the end of both streams, counts all of it, and says once that it is too much', () => {
    let over = 0;
    const tap = outputTap({
      tailBytes: 8,
      limitBytes: 10,
      onLimit: () => {
        over += 1;
      },
    });
    tap.stdout.write(Buffer.from('12345'));
    tap.stderr.write(Buffer.from('67890'));
    expect(over).to.equal(0);
    tap.stdout.write(Buffer.from('abc'));
    tap.stdout.write(Buffer.from('def'));
    expect(over).to.equal(1);
    expect(tap.tail().toString()).to.equal('90abcdef');
  });

  it('splits lines however they are chunked, and drops those that are too long', () => {
    const lines: string[] = [];
    const split = lineSplitter(5, (line) => void lines.push(line));
    for (const chunk of ['on', 'e\ntwo\n\nfar too', ' long a line\nsix', 'ty\nlast']) split(Buffer.from(chunk));
    expect(lines).to.deep.equal(['one', 'two', '', 'sixty']);
  });
});

describe('archives', () => {
  it('hand the referee its inputs, owned by it', async () => {
    const tar = await buffer(inputArchive(spec, Buffer.from('bundle')));
    expect(tar.includes('in/spec.json') && tar.includes('in/bundle') && tar.includes('out')).to.equal(true);
    expect(Number.parseInt(tar.subarray(108, 116).toString(), 8)).to.equal(10_001);
  });

  const outputs = (name: string, bytes: number) =>
    tarOf([{ name, content: Buffer.alloc(bytes, 0x20) }]).then((tar) => readOutputs(Readable.from([Buffer.from(tar)])));

  it('give back the files by name, and pass over an unfinished one', async () => {
    expect((await outputs('out/record.json', 10)).record).to.have.length(10);
    expect(await outputs('out/record.json.tmp', 10)).to.deep.equal({
      ...{ record: null, cuts: null, manifest: null, commitments: null, state: null },
      cutsAreTooLarge: false,
    });
  });

  it('pass over cuts that are too large to be read, and say so', async () => {
    const piece = Buffer.alloc(2 ** 20, 0x20);
    const size = cutsLimitBytes + piece.byteLength;
    const tar = pack();
    const cuts = tar.entry({ name: 'out/cuts.json', size });
    const written = pipeline(Readable.from(Array.from({ length: size / piece.byteLength }, () => piece)), cuts).then(
      () => {
        tar.entry({ name: 'out/record.json', size: 2 }, '{}');
        tar.finalize();
      },
    );
    const { cutsAreTooLarge, cuts: read, record } = await readOutputs(Readable.from(tar));
    await written;
    expect({ cutsAreTooLarge, read, record }).to.deep.equal({
      ...{ cutsAreTooLarge: true, read: null, record: Buffer.from('{}') },
    });
  });

  it('refuse a file over its limit, and end with a tar that breaks off', async () => {
    expect(await outputs('out/prism_run_manifest.v2.json', 2 ** 20 + 1).catch((error: Error) => error.name)).to.equal(
      'UnexpectedArchiveError',
    );
    const whole = Buffer.from(await tarOf([{ name: 'out/record.json', content: Buffer.alloc(5_000) }]));
    const broken = new Readable({ read() {} });
    broken.push(whole.subarray(0, 2_000));
    setImmediate(() => broken.destroy());
    expect(await readOutputs(broken).catch((error: Error) => error.message)).to.include('broke off');
  });
});

describe('an exported state', () => {
  const bytes = Buffer.alloc(300_000, 7);
  const stored = { bytes: bytes.byteLength, open: async () => Readable.from([bytes]) };
  const keeperOf = (mostBytes: number) => {
    const blobs = memoryBlobs();
    return { blobs, mostBytes, put: (content: Readable) => blobs.put(content) };
  };
  const outputs = async (keeper: ReturnType<typeof keeperOf> | null) => {
    const tar = await tarOf([
      { name: 'out/record.json', content: Buffer.from('{}') },
      { name: 'out/state.safetensors', content: stored },
    ]);
    return readOutputs(Readable.from([Buffer.from(tar)]), keeper);
  };

  it('goes from the referee into the blobs without being held, where somebody asks for it', async () => {
    const keeper = keeperOf(bytes.byteLength);
    const { state, record } = await outputs(keeper);
    expect(state).to.include({ bytes: bytes.byteLength, sha256: digestOf(bytes) });
    expect(await buffer(await keeper.blobs.open(state?.sha256 ?? ''))).to.deep.equal(bytes);
    expect(record).to.have.length(2);
    expect((await outputs(null)).state).to.equal(null);
  });

  it('is refused above its limit', async () => {
    const name = await outputs(keeperOf(bytes.byteLength - 1)).catch((error: Error) => error.name);
    expect(name).to.equal('UnexpectedArchiveError');
  });

  it('goes to a held-out referee beside its other inputs, or ends the tar with its own error', async () => {
    const tar = await buffer(inputArchive(spec, Buffer.from('bundle'), stored));
    expect(tar.includes('in/state.safetensors') && tar.includes(bytes)).to.equal(true);
    const broken = { ...stored, open: () => Promise.reject(new Error('corrupt')) };
    const ended = await buffer(inputArchive(spec, Buffer.from('bundle'), broken)).catch(
      (error: Error) => error.message,
    );
    expect(ended).to.equal('corrupt');
  });
});

describe('evidence', () => {
  it('rides with the event up to 64 KiB, and is stored before it above that', async () => {
    const blobs = memoryBlobs();
    const failure = {
      verdict: { kind: 'submissionFault', verdict: 'nan', where: null, message: 'm' },
      ...{ measured: null, heldOut: null },
      record: null,
      commitments: Buffer.from('kept of our own faults only'),
      cuts: Buffer.from('of an attempt that was not convicted for them'),
      keys: { cuts: spec.decoys.cutKey, rows: null },
    } as const;
    const { outcome, attachments } = await toRecordable(
      { ...failure, manifest: Buffer.alloc(65_537), log: Buffer.from('tail') },
      blobs,
    );
    if (outcome.kind !== 'submissionFault') expect.fail(outcome.kind);
    expect(attachments.map(({ sha256 }) => sha256)).to.deep.equal([outcome.log?.sha256]);
    expect(await blobs.has(outcome.manifest?.sha256 ?? '')).to.equal(true);
    expect(outcome.cuts).to.equal(null);
    expect(outcome.keys).to.deep.equal(failure.keys);
  });

  it('is nothing where nothing was printed', async () => {
    const { outcome, attachments } = await toRecordable(faultResult('engineUnavailable', 'gone'), memoryBlobs());
    expect(outcome).to.deep.equal({
      kind: 'infrastructureFault',
      reason: 'engineUnavailable',
      message: 'gone',
      log: null,
      commitments: null,
    });
    expect(attachments).to.deep.equal([]);
  });
});

describe('other small parts', () => {
  it('read the counters of both cgroup versions', () => {
    expect(counterIn('oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 'oom_kill')).to.equal(3);
    expect(counterIn('low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n', 'oom_kill')).to.equal(2);
    expect(counterIn('max 4\n', 'max')).to.equal(4);
    expect(counterIn('', 'max')).to.equal(null);
  });

  it('refuse an engine without its seccomp profile, unless gVisor stands in', () => {
    const withProfile = { SecurityOptions: ['name=seccomp,profile=default'], Runtimes: { runc: {}, runsc: {} } };
    assertConfining(withProfile, null);
    assertConfining({ ...withProfile, SecurityOptions: [] }, 'runsc');
    expect(() => assertConfining({ ...withProfile, SecurityOptions: [] }, null)).to.throw('seccomp');
    expect(() =>
      assertConfining({ ...withProfile, SecurityOptions: ['name=seccomp,profile=unconfined'] }, null),
    ).to.throw('seccomp');
    expect(() => assertConfining(withProfile, 'kata')).to.throw('kata');
  });

  it('try again until it works, until they are told to stop, or until the signal ends', async () => {
    let tries = 0;
    const failing = async () => {
      tries += 1;
      if (tries < 2) throw new Error('not yet');
      return 'done';
    };
    const never = new AbortController();
    expect(await persistently(failing, never.signal, () => undefined)).to.equal('done');
    expect(
      await persistently(
        () => Promise.reject(new Error('x')),
        never.signal,
        () => 'given up',
      ),
    ).to.equal('given up');
    const aborting = () => Promise.reject(new Error('x'));
    const stopped = persistently<string>(aborting, never.signal, () => {
      never.abort(new Error('stop'));
      return undefined;
    });
    expect(await stopped.catch((error: Error) => error.name)).to.equal('AbortError');
  });
});
