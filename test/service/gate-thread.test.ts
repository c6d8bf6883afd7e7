import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import { ReviewerUnavailableError } from '../../domain/ports/reviewer.ts';
import { gateNames } from '../../domain/submission/events.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { packFiles } from '../../gates/pack.ts';
import { toError, toFault } from '../../service/gate-messages.ts';
import { GateThreadEndedError } from '../../service/gate-thread.ts';
import type { OpenGates } from '../../service/gates.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { openGateThread } from './open-gate-thread.ts';
import { bundleOf } from './stored-bundle.ts';

const active = { version: 1, policy: policySchema.parse({}) };
const archive = packFiles([
  { path: 'architecture.py', bytes: Buffer.from('a = 1\n') },
  { path: 'training.py', bytes: Buffer.from('t = 1\n') },
]);

describe('the thread of the gates', function () {
  this.timeout(30_000);
  let folder: string;
  let state: LivingState;
  const threads: OpenGates[] = [];
  const open = (storageFolder: string, stopping?: AbortSignal) => {
    const thread = openGateThread(storageFolder, stopping === undefined ? {} : { stopping });
    threads.push(thread);
    return thread;
  };
  const faultOf = (asked: Promise<unknown>) =>
    asked.then(
      () => 'none',
      (error: Error) => error.name,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prism-gates-'));
    const storage = await openStorage({ dataDir: folder });
    state = await bundleOf(storage, archive);
    await storage.close();
  });
  after(async () => {
    await Promise.all(threads.map((thread) => thread.close()));
    await rm(folder, { recursive: true });
  });

  it('gives its verdict without an inspector where none is needed', async () => {
    const broken = packFiles([{ path: 'notes.md', bytes: Buffer.from('no script') }]);
    const storage = await openStorage({ dataDir: folder });
    const received = await bundleOf(storage, broken);
    await storage.close();
    const result = await open(folder).byName.contract(received, active);
    expect(result.kind === 'failed' && result.findings[0]?.rule).to.equal('prism:contract-script-missing');
  });

  it('passes a fault on under its own name', async () => {
    expect(await faultOf(open(folder).byName.static(state, active))).to.equal('InspectorUnavailableError');
  });

  it('gives no verdict where it ends, and is started anew with the next question', async () => {
    const { byName } = open(join(folder, 'nowhere'));
    expect(await faultOf(byName.static(state, active))).to.equal('GateThreadEndedError');
    expect(await faultOf(byName.static(state, active))).to.equal('GateThreadEndedError');
  });

  it('is where every gate is: this thread answers HTTP while that one stands still', async () => {
    const blocked = join(folder, 'blocked');
    await mkdir(blocked);
    execFileSync('mkfifo', [join(blocked, 'events.sqlite')]);
    const { byName } = open(blocked);
    const asked = gateNames.map((name) => faultOf(byName[name](state, active)));
    // Opens once the other thread waits, within a system call, for what this one writes.
    const pipe = await openFile(join(blocked, 'events.sqlite'), 'w');
    const server = createServer((_, response) => void response.end('here')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).to.equal('here');
    server.close();
    await pipe.close();
    expect(await Promise.all(asked)).to.deep.equal(gateNames.map(() => 'GateThreadEndedError'));
  });

  it('asks no gate of a service that stops', async () => {
    const { byName } = open(folder, AbortSignal.abort());
    expect(await faultOf(byName.contract(state, active))).to.equal('AbortError');
  });
});

describe('a fault between threads', () => {
  const passedOn = (error: unknown) => toError(structuredClone(toFault(error)));

  it('keeps its name and the stacks of its causes', () => {
    const cause = new TypeError('the socket broke');
    const error = passedOn(new GateThreadEndedError('it ended', { cause }));
    expect(error).to.include({ name: 'GateThreadEndedError', message: 'it ended' });
    expect(error.stack).to.contain('it ended').and.to.contain('caused by: TypeError: the socket broke');
  });

  it('says when the reviewer may be asked again', () => {
    const error = passedOn(new ReviewerUnavailableError('busy', '2026-01-01T00:01:30.000Z'));
    expect(error).to.be.instanceOf(ReviewerUnavailableError).and.to.include({ retryAt: '2026-01-01T00:01:30.000Z' });
  });

  it('may be anything that is thrown', () => {
    expect(passedOn('nonsense')).to.include({ name: 'Error', message: 'nonsense' });
  });
});
