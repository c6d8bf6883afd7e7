import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { openKurrentEventLog } from '../../storage/kurrent-event-log.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { kurrentDatabase } from '../doubles/kurrent/database.ts';
import { type KurrentNode, startNode } from '../doubles/kurrent/node.ts';
import { eventsNamed, faultOf, namesOf, withFolder } from './fixtures.ts';
import { briefly } from './kurrent-fixtures.ts';

describe('kurrent event log, over TLS', () => {
  before(function () {
    try {
      execFileSync('openssl', ['version']);
    } catch {
      this.skip();
    }
  });

  async function withNode(use: (node: KurrentNode, certificate: string) => Promise<void>): Promise<void> {
    await withFolder(async (folder) => {
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      execFileSync(
        'openssl',
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=loopback
         -addext subjectAltName=DNS:localhost -keyout ${key} -out ${certificate}`.split(/\s+/),
        { stdio: 'ignore' },
      );
      const pair = { private_key: await readFile(key), cert_chain: await readFile(certificate) };
      const credentials = ServerCredentials.createSsl(null, [pair]);
      const node = await startNode(kurrentDatabase(), { credentials, user: 'prism:s3cret@' });
      try {
        await use(node, certificate);
      } finally {
        node.stop();
      }
    });
  }

  const open = (url: string, patienceMs = briefly.patienceMs) =>
    openKurrentEventLog({ url, blobs: memoryBlobs(), patience: { ...briefly, patienceMs } });

  it('works with the certificate and the credentials of the connection string', () =>
    withNode(async (node, certificate) => {
      const log = open(`esdb://prism:s3cret%40@localhost:${node.port()}?tlsCAFile=${certificate}`);
      await log.append('a', 'noStream', eventsNamed(['1'], 'a'));
      expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1']);
      const seen = new Promise<readonly unknown[]>((resolve) => {
        log.subscribe(0, (page) => resolve(namesOf(page)));
      });
      expect(await seen).to.deep.equal(['1']);
      await log.close();
    }));

  it('says that credentials are wrong, and not which', () =>
    withNode(async (node, certificate) => {
      const log = open(`esdb://prism:wrong@localhost:${node.port()}?tlsCAFile=${certificate}`);
      for (const asked of [log.head(), log.append('a', 'noStream', eventsNamed(['1'], 'a'))]) {
        const fault = await faultOf(asked);
        expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'accessDenied');
        expect(String(fault)).to.not.contain('wrong');
      }
      await log.close();
    }));

  it('trusts no other certificate', () =>
    withNode(async (node) => {
      const log = open(`esdb://prism:s3cret%40@localhost:${node.port()}`, 0);
      const fault = await faultOf(log.head());
      expect(fault).to.be.instanceOf(LogUnavailableError).with.property('reason', 'unreachable');
      expect(String((fault as Error).cause)).to.match(/certificate/);
      await log.close();
    }));
});
