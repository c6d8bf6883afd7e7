import { expect } from 'chai';
import { z } from 'zod';
import { replaySubmission } from '../../cli/commands/replay.ts';
import type { ServiceClient } from '../../cli/service-client.ts';
import { readConfig } from '../../config.ts';
import { toDomainEvent } from '../../domain/event-catalog.ts';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { architecture, bundle, training } from './bundles.ts';
import { type LogWatch, watchLog } from './log-watch.ts';
import { readBlob } from './records.ts';
import { type ServiceHome, smallPolicy, twoSlots } from './service-process.ts';
import { handIn, settled } from './submissions.ts';
import { describeServices } from './with-services.ts';

const policy: PolicyDraft = {
  ...smallPolicy,
  ...{ streamBytes: 32_768, seedAudit: 'on' },
  heldOut: { mode: 'on', valBytes: 8_192, trainBytes: 8_192, cuts: 512, resamples: 100, budgetSeconds: 60 },
};

/** A model that knows where it is: only its training loop tells it that there is one. */
function elsewhere(then: string): Uint8Array {
  const forward = '    def forward(self, tokens):\n';
  const aware = `${forward}        if not getattr(self, 'in_training', False):\n            ${then}\n`;
  return bundle({
    architecture: architecture().replace(forward, aware),
    training: training().replace(/(model = ctx.build_model\(\)\n)/, '$1    model.in_training = True\n'),
  });
}

const bundles = {
  honest: bundle({}),
  crashing: elsewhere('import os; os._exit(77)'),
  peeking: elsewhere('return 9 * nn.functional.one_hot(tokens.roll(-1, 1), 256).float()'),
};

const number = z.number().nullable();
const answerSchema = z.looseObject({
  penalty: number,
  state_digest: z.string().nullable(),
  seed_audit: z.looseObject({ elements: z.number(), invariant_elements: z.number() }).nullable(),
  score: z.looseObject({
    bits_per_byte: z.number(),
    base: z.number(),
    tie_break: z.number(),
    final_score: z.number(),
    held_out: z.strictObject({
      outcome: z.string(),
      bits_per_byte: number,
      delta_bpb: number,
      delta_standard_error_bpb: number,
      gap_bpb: number,
      gap_standard_error_bpb: number,
    }),
  }),
});

describeServices('that measures exported states', (services) => {
  let home: ServiceHome;
  let client: ServiceClient;
  let log: LogWatch;
  const ids = new Map<string, string>();

  before('three submissions on two slots', async () => {
    home = await services.home(policy);
    ({ client } = await home.start(twoSlots));
    log = await watchLog(home.dataDir);
    for (const [name, archive] of Object.entries(bundles)) ids.set(name, await handIn(client, archive, name));
  });
  after(() => log?.close());

  const answerOf = async (name: keyof typeof bundles) => {
    const id = ids.get(name) ?? '';
    const { status, reason } = await settled(client, id);
    expect(status, JSON.stringify(reason)).to.equal('completed');
    return client.get(`/v1/submissions/${id}`, answerSchema);
  };
  const eventsOf = (name: keyof typeof bundles) =>
    log.seen
      .filter(({ envelope }) => envelope.stream === submissionStream(ids.get(name) ?? ''))
      .map(({ envelope }) => toDomainEvent(envelope));

  it('finds an honest one better than its random twin, with no penalty', async () => {
    const { penalty, score, state_digest, seed_audit } = await answerOf('honest');
    const { held_out } = score;
    expect(held_out.outcome).to.equal('measured');
    expect(held_out.bits_per_byte).to.be.within(3, 7);
    expect(held_out.delta_bpb).to.be.within(0.5, 5);
    expect(held_out.delta_standard_error_bpb).to.be.within(0.001, 0.5);
    expect(held_out.gap_bpb).to.be.within(-1, 1);
    expect(penalty).to.equal(1);
    expect(score.tie_break).to.be.greaterThan(0);
    expect(score.final_score).to.equal(score.base + score.tie_break);
    expect(seed_audit).to.deep.include({ invariant_elements: 0 });
    expect((await readBlob(home.dataDir, state_digest)).byteLength).to.be.greaterThan(4 * 256 * 16);
  });

  it('computes it anew from what is stored', async () => {
    await answerOf('honest');
    const said: string[] = [];
    const output = { isJson: false, result: (_: object, text: () => string) => void said.push(text()), note: () => {} };
    const config = readConfig({ PRISM_DATA_DIR: home.dataDir });
    expect(await replaySubmission(config, ids.get('honest') ?? '', output), said.join('\n')).to.equal(0);
    expect(said.join('\n').match(/heldOut/g)).to.have.length(2);
  });

  it('halves the score of one that crashes on purpose, and repeats nothing of what it says', async () => {
    const { penalty, score } = await answerOf('crashing');
    expect(penalty).to.equal(0.5);
    expect(score.held_out).to.deep.include({ outcome: 'failed', delta_bpb: null, gap_bpb: null });
    expect(score.tie_break).to.be.lessThan(0);
    const failures = eventsOf('crashing').flatMap((event) => (event.type === 'AttemptFailed' ? [event.data] : []));
    expect(failures.map(({ run, verdict }) => [run, verdict]).sort()).to.deep.equal([
      ['heldOut', 'exception'],
      ['heldOutTrain', 'exception'],
    ]);
    for (const { log: printed, keys, where, message } of failures) {
      expect([printed, keys, where]).to.deep.equal([null, null, null]);
      expect(message).not.to.include('77');
    }
  });

  it('halves the score of one that looks ahead only where it is measured apart', async () => {
    const { penalty, score } = await answerOf('peeking');
    expect([penalty, score.held_out.outcome]).to.deep.equal([0.5, 'failed']);
    const failures = eventsOf('peeking').flatMap((event) => (event.type === 'AttemptFailed' ? [event.data] : []));
    expect(failures.map(({ run, verdict }) => [run, verdict])).to.deep.equal([['heldOut', 'causality']]);
  });
});
