import { expect } from 'chai';
import { commandHandler } from '../../domain/handle-command.ts';
import { policyStream } from '../../domain/policy/events.ts';
import { type PolicyDraft, policySchema, scoredRowFraction } from '../../domain/policy/policy.ts';
import {
  NoPolicyError,
  type PolicyCommand,
  policiesOf,
  policyAggregate,
} from '../../domain/policy/policy-aggregate.ts';
import type { Tokenizer } from '../../domain/tokenizer.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { givenFor } from './given-when-then.ts';
import { instant } from './submission-examples.ts';

const given = givenFor(policyAggregate);
const activate = (draft: PolicyDraft): PolicyCommand => ({
  kind: 'ActivateFirstPolicy',
  draft,
  operator: 'olga',
  reason: 'first start',
});

describe('The policy', () => {
  it('has the defaults of CONTRACT §2', () => {
    const policy = policySchema.parse({});
    expect(policy.limits).to.include({
      maxParameters: 150_000_000,
      budgetSeconds: 1_200,
      graceSeconds: 120,
      timeoutSeconds: 1_800,
      memoryBytes: 8 * 1024 ** 3,
      pids: 512,
      artifactsBytes: 2 * 1024 ** 3,
      defaultSeqLen: 128,
      maxSeqLen: 512,
      maxBatchTokens: 65_536,
      frameCpuSeconds: 120,
      frameSeconds: 480,
      bundleXzBytes: 131_072,
    });
    expect(policy).to.deep.include({
      streamBytes: 100_000_000,
      attemptsPerRun: 3,
      holdSeconds: 86_400,
      epochSeconds: 21_600,
      deviceClasses: ['gpu'],
      scoring: { sourceCharge: 1, tieBreakScale: 4, largestGapBpb: 1 },
      seedAudit: 'on',
      instantiation: { cpuSeconds: 30, memoryBytes: 8 * 1024 ** 3 },
    });
    expect(policy.heldOut).to.include({ mode: 'on', valBytes: 65_536, trainBytes: 65_536, cuts: 4_096 });
  });

  it('has every gate on but the reviewer, which needs an endpoint', () => {
    expect(policySchema.parse({}).gates).to.deep.equal({
      ...{ static: 'on', parameters: 'on', distributed: 'reject', duplicate: 'on', llm: 'off' },
    });
    expect(policySchema.safeParse({ gates: { attribution: 'on' } }).success).to.equal(false);
  });

  it('can switch the reviewer on', () => {
    expect(policySchema.parse({ gates: { llm: 'on' } }).gates).to.include({ llm: 'on', static: 'on' });
  });

  it('is activated as version 1, whole, with name and reason', () => {
    given()
      .when(activate({ streamBytes: 1_000_000 }))
      .thenYields({
        type: 'PolicyActivated',
        data: {
          version: 1,
          policy: policySchema.parse({ streamBytes: 1_000_000 }),
          operator: 'olga',
          reason: 'first start',
        },
      });
  });

  it('is only activated first where there is none', () => {
    const { events } = given().when(activate({}));
    given(...events)
      .when(activate({ streamBytes: 1_000_000 }))
      .thenYields();
  });

  const twoDecoys = { cutsPerMegabyte: 8_000, framesPerBatch: 2 };
  const broken: readonly (readonly [string, unknown])[] = [
    ['an unknown key', { streamBites: 1_000_000 }],
    ['an unknown limit', { limits: { maxParams: 1 } }],
    ['a stream too short', { streamBytes: 10 }],
    ['a fraction of a byte', { streamBytes: 10_000.5 }],
    ['no attempt', { attemptsPerRun: 0 }],
    ['a text for a number', { holdSeconds: '86400' }],
    ['a charge above 1', { scoring: { sourceCharge: 1.5 } }],
    ['a device class that isn’t one', { deviceClasses: ['tpu'] }],
    ['no device class, so that nothing could ever run', { deviceClasses: [] }],
    ['no tokenizer', { tokenizers: [] }],
    ['a default sequence beyond the longest', { limits: { maxSeqLen: 64 } }],
    ['an outer timeout inside the budget', { limits: { timeoutSeconds: 1_300 } }],
    ['cuts of reruns that can’t be written down', { integrity: { rerun: twoDecoys } }],
    ['cuts of runs that can’t be written down', { integrity: { run: { cutsPerMegabyte: 50_000, framesPerBatch: 0 } } }],
    ['a stream too long for its cuts', { streamBytes: 1_000_000_000 }],
  ];
  for (const [what, draft] of broken) {
    it(`is refused with ${what}, and nothing becomes active`, () => {
      given()
        .when(activate(draft as PolicyDraft))
        .thenRefused('invalidPolicy');
    });
  }

  it('has one share of scored rows for a class of tokenizers, and one for all that bundles declare', () => {
    const scoredRows = [
      { tokenizer: 'gpt2', deviceClass: 'gpu', fraction: 0.5 },
      { tokenizer: 'declared', deviceClass: 'gpu', fraction: 0.25 },
    ] as const;
    const policy = policySchema.parse({ integrity: { scoredRows } });
    const fraction = (tokenizer: Tokenizer) => scoredRowFraction(policy, tokenizer, 'gpu');
    expect(fraction('gpt2')).to.equal(0.5);
    expect(['a.json', 'b.json'].map((path) => fraction({ bpe: { path } }))).to.deep.equal([0.25, 0.25]);
    expect(fraction('llama')).to.equal(1);
    expect(scoredRowFraction(policy, 'gpt2', 'cpu')).to.equal(1);
  });

  it('is refused with the number of bytes that its cuts would need, and taken where there is room for them', () => {
    const decided = (draft: PolicyDraft) => policyAggregate.decide(policyAggregate.initialState, activate(draft));
    expect(decided({ integrity: { rerun: twoDecoys } }))
      .to.have.property('detail')
      .that.matches(/^integrity\.rerun: over a stream of 100000000 bytes, its cuts may need 8\d{8} bytes/);
    expect(decided({ streamBytes: 30_000_000, integrity: { rerun: twoDecoys } })).to.have.length(1);
    expect(decided({ streamBytes: 200_000_000, integrity: { reruns: { mode: 'off' } } })).to.have.length(1);
  });

  it('is read by its version, or not at all', async () => {
    const handler = commandHandler(memoryEventLog(), policyAggregate);
    const policies = policiesOf(handler);
    const failure = await policies.active().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(NoPolicyError);
    await handler.handle(policyStream, activate({}), { causeId: 'start', correlationId: 'policy', at: instant(0) });
    expect(await policies.active()).to.deep.equal({ version: 1, policy: policySchema.parse({}) });
    expect(await policies.ofVersion(1)).to.deep.equal(await policies.active());
    expect(await policies.ofVersion(2).catch((error: unknown) => error)).to.be.instanceOf(NoPolicyError);
  });
});
