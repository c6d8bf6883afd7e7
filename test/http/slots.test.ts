import { expect } from 'chai';
import { decideSlot, listSlots } from '../../cli/commands/slots.ts';
import { serviceClient } from '../../cli/service-client.ts';
import { capturedOutput } from '../cli/captured-output.ts';
import { happen, leaseGranted, slotEvents, slotRegistered } from '../projections/fixtures.ts';
import { get, type RunningApp, startApp, token } from './fixtures.ts';

const slot = 'slot-host-gpu0';
const by = { operator: 'olga', reason: 'its fan is loud' };

describe('the routes of slots', () => {
  let app: RunningApp;
  beforeEach(async () => {
    app = await startApp();
    await happen(app.log, slotEvents('gpu0', slotRegistered('gpu0'), leaseGranted('one', 'score', 1)));
    await app.projected();
  });
  afterEach(() => app.close());

  async function decide(name: string, decision: string, body: unknown = by, bearer = token) {
    const headers = { 'content-type': 'application/json', Authorization: `Bearer ${bearer}` };
    const url = `${app.url}/internal/v1/slots/${name}/${decision}`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }

  it('close a slot and open it again, once each', async () => {
    const closed = await decide(slot, 'quarantine');
    expect(closed).to.deep.include({ status: 200 });
    expect(closed.body).to.include({ slot, quarantine: by.reason });
    expect((await decide(slot, 'quarantine')).body).to.include({ position: null });
    await app.projected();
    const { body } = await get(app, '/v1/gpu/status');
    expect(body.slots[0]).to.deep.include({ state: 'leased', quarantine: by.reason });
    expect((await decide(slot, 'restore')).body).to.include({ quarantine: null });
    const types = (await app.log.readStream(slot)).map(({ envelope }) => envelope.type);
    expect(types.slice(2)).to.deep.equal(['SlotQuarantined', 'SlotRestored']);
  });

  it('want the token, a slot that there is, and who decides why', async () => {
    expect(await decide(slot, 'quarantine', by, 'wrong')).to.include({ status: 401 });
    expect(await decide('slot-host-gpu7', 'quarantine')).to.include({ status: 404 });
    expect(await decide('submission-x', 'restore')).to.include({ status: 404 });
    expect(await decide(slot, 'restore', { operator: 'olga' })).to.include({ status: 422 });
  });

  it('are what `prism slots` asks', async () => {
    const client = serviceClient(app.url, token);
    const { output, lines } = capturedOutput();
    await decideSlot(client, slot, 'quarantine', by, output);
    await app.projected();
    await listSlots(client, output);
    await decideSlot(client, slot, 'restore', by, output);
    const [closed, listed, opened] = lines;
    expect(closed).to.equal(`slot ${slot} takes no more leases: ${by.reason}`);
    expect(listed).to.include(slot).and.include('one score 1').and.include(by.reason);
    expect(opened).to.equal(`slot ${slot} takes leases`);
  });
});
