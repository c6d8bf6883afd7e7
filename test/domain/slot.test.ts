import { expect } from 'chai';
import { commandHandler } from '../../domain/handle-command.ts';
import { attemptEnded, type SlotEvent, slotStream } from '../../domain/slot/events.ts';
import { deviceLost, hasJustFailed, type SlotCommand, slotAggregate } from '../../domain/slot/slot.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { givenFor } from './given-when-then.ts';
import { instant } from './submission-examples.ts';

const given = givenFor(slotAggregate);
const slot = { executor: 'host', device: 'cpu0', deviceClass: 'cpu', cpuset: '0', memoryBytes: 2 ** 33 } as const;
const registered: SlotEvent = { type: 'SlotRegistered', data: slot };
const lease = (submissionId: string, attempt = 1) =>
  ({ submissionId, run: 'score', attempt, deadlineAt: instant(2_000) }) as const;
const granted = (submissionId: string, fencingToken: number): SlotEvent => ({
  type: 'LeaseGranted',
  data: { ...lease(submissionId), fencingToken },
});
const released = (fencingToken: number): SlotEvent => ({
  type: 'LeaseReleased',
  data: { fencingToken, reason: 'done' },
});
const quarantined: SlotEvent = { type: 'SlotQuarantined', data: { operator: 'olga', reason: 'hot' } };
const grant = (submissionId: string, attempt = 1): SlotCommand => ({
  kind: 'GrantLease',
  ...lease(submissionId, attempt),
});
const release = (fencingToken: number): SlotCommand => ({ kind: 'ReleaseLease', fencingToken, reason: 'done' });
const expire = (fencingToken: number, seconds: number): SlotCommand => ({
  kind: 'ExpireLease',
  fencingToken,
  now: instant(seconds),
});

describe('A slot', () => {
  it('is registered again only where it has changed', () => {
    given().when({ kind: 'RegisterSlot', slot }).thenYields({ type: 'SlotRegistered', data: slot });
    given(registered).when({ kind: 'RegisterSlot', slot }).thenYields();
    given(registered)
      .when({ kind: 'RegisterSlot', slot: { ...slot, cpuset: '1' } })
      .thenYields({ type: 'SlotRegistered', data: { cpuset: '1' } });
  });

  it('that nobody registered takes no command', () => {
    given().when(grant('s1')).thenRefused('unknownSlot');
    given().when(release(1)).thenRefused('unknownSlot');
  });

  it('keeps its lease through a registration', () => {
    given(registered, granted('s1', 1))
      .when({ kind: 'RegisterSlot', slot: { ...slot, memoryBytes: 2 ** 34 } })
      .state((state) => expect(state).to.have.nested.property('lease.submissionId', 's1'));
  });

  it('is leased to one attempt at a time; the same grant again is already so', () => {
    given(registered)
      .when(grant('s1'))
      .thenYields({ type: 'LeaseGranted', data: { fencingToken: 1 } });
    given(registered, granted('s1', 1)).when(grant('s1')).thenYields();
    given(registered, granted('s1', 1)).when(grant('s1', 2)).thenRefused('slotTaken');
    given(registered, granted('s1', 1)).when(grant('s2')).thenRefused('slotTaken');
  });

  it('gives every lease a higher token', () => {
    given(registered, granted('s1', 1), released(1))
      .when(grant('s1'))
      .thenYields({ type: 'LeaseGranted', data: { fencingToken: 2 } });
  });

  it('is freed by the holder of the newest token; an older one has been freed already, a future one is refused', () => {
    given(registered, granted('s1', 1)).when(release(1)).thenYields({ type: 'LeaseReleased' });
    given(registered, granted('s1', 1), released(1)).when(release(1)).thenYields();
    given(registered, granted('s1', 1), released(1), granted('s2', 2))
      .when(release(1))
      .thenYields()
      .state((state) => expect(state).to.have.nested.property('lease.submissionId', 's2'));
    given(registered, granted('s1', 1)).when(release(2)).thenRefused('staleToken');
  });

  it('loses a lease to its deadline, and not before', () => {
    const leased = given(registered, granted('s1', 1));
    leased.when(expire(1, 1_999)).thenRefused('notDue');
    const { events } = leased.when(expire(1, 2_000)).thenYields({ type: 'LeaseExpired', data: { fencingToken: 1 } });
    given(registered, granted('s1', 1), ...events)
      .when(expire(1, 2_000))
      .thenYields();
    given(registered, granted('s1', 1), ...events, granted('s2', 2))
      .when(expire(1, 1_999))
      .thenYields();
  });

  it('is not leased while it is quarantined, and again once it is restored', () => {
    const quarantine: SlotCommand = { kind: 'QuarantineSlot', operator: 'olga', reason: 'hot' };
    const restore: SlotCommand = { kind: 'RestoreSlot', operator: 'olga', reason: 'cool' };
    given(registered).when(quarantine).thenYields({ type: 'SlotQuarantined' });
    given(registered, quarantined).when(quarantine).thenYields();
    const itself: SlotEvent = { type: 'SlotQuarantined', data: { operator: null, reason: 'deviceLost: gone' } };
    given(registered, itself)
      .when(quarantine)
      .thenYields({ type: 'SlotQuarantined', data: { operator: 'olga' } });
    given(registered, quarantined)
      .when({ ...quarantine, operator: null })
      .thenYields();
    given(registered, quarantined).when(grant('s1')).thenRefused('slotQuarantined');
    given(registered, granted('s1', 1), quarantined).when(release(1)).thenYields({ type: 'LeaseReleased' });
    const { events } = given(registered, quarantined).when(restore).thenYields({ type: 'SlotRestored' });
    given(registered, quarantined, ...events)
      .when(grant('s1'))
      .thenYields({ type: 'LeaseGranted' });
    given(registered).when(restore).thenYields();
  });

  const faulted = (fencingToken: number): SlotEvent => ({
    type: 'SlotFaulted',
    data: { fencingToken, reason: 'refereeFault', message: 'unfit' },
  });
  const report = (fencingToken: number, reason = 'refereeFault'): SlotCommand => ({
    ...{ kind: 'ReportFault', fencingToken, reason, message: 'unfit' },
  });
  const lost = (token: number, submissionId = 's1') => [granted(submissionId, token), faulted(token), released(token)];
  const worked = (token: number): SlotEvent[] => [
    granted('s1', token),
    { type: 'LeaseReleased', data: { fencingToken: token, reason: attemptEnded } },
  ];

  it('is closed by three faults in a row, a lease that expired among them', () => {
    given(registered, ...lost(1), granted('s1', 2))
      .when(report(2))
      .thenYields({ type: 'SlotFaulted' });
    const twice = [registered, ...lost(1), ...lost(2), granted('s2', 3)];
    const { events } = given(...twice)
      .when(report(3))
      .thenYields({ type: 'SlotFaulted' }, { type: 'SlotQuarantined', data: { operator: null } });
    expect(events.at(-1)?.data).to.have.property('reason').that.includes('3 attempts in a row').and.includes('unfit');
    given(...twice)
      .when(expire(3, 2_000))
      .thenYields({ type: 'LeaseExpired' }, { type: 'SlotQuarantined', data: { operator: null } });
  });

  it('stays open however often one submission alone has failed on it, and is closed by the next fault of another', () => {
    const often = [registered, ...lost(1), ...lost(2), ...lost(3), ...lost(4)];
    given(...often, granted('s1', 5))
      .when(report(5))
      .thenYields({ type: 'SlotFaulted' });
    given(...often, granted('s1', 5))
      .when(expire(5, 2_000))
      .thenYields({ type: 'LeaseExpired' });
    given(...often, granted('s2', 5))
      .when(report(5))
      .thenYields({ type: 'SlotFaulted' }, { type: 'SlotQuarantined', data: { operator: null } });
    // An attempt of any submission that comes to an outcome ends the row.
    given(...often, ...worked(5), ...lost(6, 's2'), granted('s2', 7))
      .when(report(7))
      .thenYields({ type: 'SlotFaulted' });
  });

  it('has just failed a submission until its next lease', () => {
    const just = (events: readonly SlotEvent[], submissionId: string) =>
      hasJustFailed(given(...events).state, submissionId);
    expect(just([registered, ...lost(1)], 's1')).to.equal(true);
    expect(just([registered, ...lost(1)], 's2')).to.equal(false);
    expect(just([registered, ...lost(1), ...lost(2, 's2'), ...lost(3)], 's1')).to.equal(true);
    expect(just([registered, ...lost(1), ...lost(2, 's2')], 's1')).to.equal(false);
    expect(just([registered, ...lost(1), granted('s2', 2), released(2)], 's1')).to.equal(false);
    expect(just([registered], 's1')).to.equal(false);
    expect(just([], 's1')).to.equal(false);
  });

  it('is closed by the first fault that says that its device is lost', () => {
    given(registered, granted('s1', 1))
      .when(report(1, deviceLost))
      .thenYields({ type: 'SlotFaulted' }, { type: 'SlotQuarantined', data: { reason: 'deviceLost: unfit' } });
  });

  it('begins to count anew after an attempt that ended otherwise, and after it was restored', () => {
    const restored: SlotEvent = { type: 'SlotRestored', data: { operator: 'olga', reason: 'cool' } };
    for (const between of [worked(3), [quarantined, restored]])
      given(registered, ...lost(1), ...lost(2), ...between, granted('s2', 4))
        .when(report(4))
        .thenYields({ type: 'SlotFaulted' });
    // A lease that was released because its attempt was cancelled says nothing of the slot.
    given(registered, ...lost(1), ...lost(2), granted('s1', 3), released(3), granted('s2', 4))
      .when(report(4))
      .thenYields({ type: 'SlotFaulted' }, { type: 'SlotQuarantined' });
  });

  it('counts one fault a lease, however often it is told, and none for a lease that is over', () => {
    given(registered, granted('s1', 1), faulted(1)).when(report(1)).thenYields();
    given(registered, granted('s1', 1), faulted(1))
      .when(expire(1, 2_000))
      .thenYields({ type: 'LeaseExpired' })
      .state((state) => expect(state).to.have.nested.property('faults.count', 1));
    given(registered, granted('s1', 1), released(1)).when(report(1)).thenYields();
    given(registered).when(report(1)).thenRefused('staleToken');
  });

  it('is leased by exactly one of many that ask at once', async () => {
    const log = memoryEventLog();
    const stream = slotStream('host', 'cpu0');
    const at = instant(0);
    const handlers = Array.from({ length: 8 }, () => commandHandler(log, slotAggregate));
    const context = (causeId: string) => ({ causeId, correlationId: 'test', at });
    await handlers[0]?.handle(stream, { kind: 'RegisterSlot', slot }, context('register'));
    const answers = await Promise.all(
      handlers.map((handler, index) => handler.handle(stream, grant(`s${index}`), context(`grant-${index}`))),
    );
    expect(answers.filter(({ kind }) => kind === 'accepted')).to.have.length(1);
    const stored = await log.readStream(stream);
    expect(stored.map(({ envelope }) => envelope.type)).to.deep.equal(['SlotRegistered', 'LeaseGranted']);
  });
});
