import { expect } from 'chai';
import { decodeEnvelope, encodeEnvelope, StoredEventError, toRecordedEvent } from '../../storage/stored-event.ts';
import { eventNamed } from './fixtures.ts';

describe('stored event', () => {
  const event = eventNamed('1', 'a', { nested: { list: [1, 2] } });

  it('decodes to what was encoded', () => {
    expect(decodeEnvelope(encodeEnvelope(event))).to.deep.equal(event);
  });

  it('decodes bytes that stand in the middle of a larger buffer', () => {
    const bytes = encodeEnvelope(event);
    const larger = new Uint8Array(bytes.byteLength + 20);
    larger.set(bytes, 10);
    expect(decodeEnvelope(larger.subarray(10, 10 + bytes.byteLength))).to.deep.equal(event);
  });

  const unreadable: readonly [string, Uint8Array][] = [
    ['nothing', Buffer.alloc(0)],
    ['half an event', encodeEnvelope(event).subarray(0, 40)],
    ['bytes that are not UTF-8', Buffer.concat([encodeEnvelope(event), Buffer.from([0xff])])],
    ['another JSON value', Buffer.from('[]')],
    ['an envelope without data', Buffer.from(JSON.stringify({ ...event, data: undefined }))],
    ['an envelope with list data', Buffer.from(JSON.stringify({ ...event, data: [] }))],
    ['an envelope with a member too many', Buffer.from(JSON.stringify({ ...event, position: 1 }))],
  ];
  for (const [what, bytes] of unreadable) {
    it(`refuses ${what}`, () => {
      expect(() => decodeEnvelope(bytes)).to.throw(StoredEventError);
    });
  }

  it('refuses bytes that stand in the row of another event', () => {
    const row = { position: 1, revision: 0, id: event.id, stream: 'a', bytes: encodeEnvelope(event) };
    expect(toRecordedEvent(row).envelope).to.deep.equal(event);
    expect(() => toRecordedEvent({ ...row, stream: 'b' })).to.throw(StoredEventError, 'position 1');
    expect(() => toRecordedEvent({ ...row, id: eventNamed('2', 'a').id })).to.throw(StoredEventError, 'position 1');
  });
});
