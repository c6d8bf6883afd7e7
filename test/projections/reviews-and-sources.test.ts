import { expect } from 'chai';
import { holdQueries } from '../../projections/holds.ts';
import { llmReviewQueries } from '../../projections/llm-reviews.ts';
import { sourceQueries } from '../../projections/submission-sources.ts';
import {
  blob,
  contract,
  contractResolved,
  digest,
  fact,
  held,
  instant,
  queued,
  received,
  resolved,
  reviewed,
} from '../domain/submission-examples.ts';
import { submissionOf } from './fixtures.ts';
import { readModelsOfGiven } from './read-models.ts';

const atLlm = queued.slice(0, -1);

describe('read models of what operators look at', () => {
  const models = readModelsOfGiven();
  const { given } = models;

  describe('llm_reviews', () => {
    it('keep every review of a submission, newest first, and no other', async () => {
      const second = fact('SubmissionReviewed', { ...reviewed.data, verdict: 'passed', doubts: [], model: 'another' });
      const expired = fact('HoldExpired', { holdId: 'h1' });
      await given(
        submissionOf('one', [...atLlm, reviewed, held('h1', 'llm'), expired, second]),
        submissionOf('two', atLlm),
      );
      const { ofSubmission } = llmReviewQueries(models.db);
      const [newest, oldest] = ofSubmission('one');
      expect(newest).to.include({ verdict: 'passed', model: 'another' }).and.deep.include({ doubts: [] });
      expect(oldest).to.deep.include({
        ...{ verdict: 'held', doubts: ['suspicious'], model: 'a-model', promptVersion: 'review/1' },
        ...{ gateVersion: 'llm/1', requests: 2, transcript: blob('6').sha256, policyVersion: 1, position: 7 },
        reviewedAt: instant(6),
      });
      expect(ofSubmission('two')).to.deep.equal([]);
    });
  });

  describe('submission_sources', () => {
    it('know digests and sizes from the receipt on, paths and fingerprints once the contract is resolved', async () => {
      await given(submissionOf('one', [received]), submissionOf('two', [received, contractResolved]));
      const { bySubmission } = sourceQueries(models.db);
      const known = { codeHash: received.data.codeHash, archiveSha256: blob('b').sha256, archiveBytes: 100 };
      expect(bySubmission('one')).to.deep.include({ ...known, files: 2, contentBytes: 1_000, roles: null });
      expect(bySubmission('two')?.roles).to.deep.equal({
        kind: 'full',
        architecture: { paths: ['architecture.py'], fingerprint: digest('c') },
        training: { paths: ['training.py'], fingerprint: digest('c') },
      });
      expect(bySubmission('three')).to.equal(null);
    });

    it('know how a model behaves once it was built, and who behaves alike', async () => {
      const passed = (behaviour: string | null) =>
        fact('GatePassed', {
          ...{ gate: 'parameters', gateVersion: '1', findings: [], evidence: null, policyVersion: 1 },
          behaviour,
        });
      const [behaving, silent] = [passed(digest('7')), passed(null)];
      await given(
        submissionOf('one', [received, behaving]),
        submissionOf('two', [received, behaving], { codeHash: digest('3') }),
        submissionOf('three', [received, silent], { codeHash: digest('4') }),
      );
      const { bySubmission, sharing } = sourceQueries(models.db);
      expect(bySubmission('one')?.behaviour).to.equal(digest('7'));
      expect(bySubmission('three')?.behaviour).to.equal(null);
      expect(sharing('two', 10).map(({ submissionId, shares }) => `${submissionId} ${shares}`)).to.deep.equal([
        'one behaviour',
      ]);
      expect(sharing('three', 10)).to.deep.equal([]);
    });

    it('tell who shares code or a role, earliest first', async () => {
      const training = { ...contract.training, fingerprint: digest('1') };
      const other = fact('ContractResolved', { ...contractResolved.data, contract: { ...contract, training } });
      const own = { codeHash: digest('e') };
      await given(
        submissionOf('first', [received, other], own),
        submissionOf('second', [received, contractResolved]),
        submissionOf('third', [received], { codeHash: digest('3') }),
        submissionOf('fourth', [received, contractResolved], { codeHash: digest('4') }),
      );
      const { sharing } = sourceQueries(models.db);
      expect(sharing('second', 10).map(({ submissionId, shares }) => `${submissionId} ${shares}`)).to.deep.equal([
        ...['first architecture', 'fourth architecture', 'fourth training'],
      ]);
      expect(sharing('second', 1)).to.have.length(1);
      expect(sharing('third', 10)).to.deep.equal([]);
    });
  });

  describe('holds', () => {
    it('open, and end by a decision or by their deadline', async () => {
      await given(
        submissionOf('one', [...atLlm, held('h1', 'llm'), resolved('h1', 'reject')]),
        submissionOf('two', [...atLlm, held('h2', 'llm')]),
        submissionOf('three', [...atLlm, held('h3', 'llm'), fact('HoldExpired', { holdId: 'h3' })]),
      );
      const { byId, holds } = holdQueries(models.db);
      expect(byId('h1')).to.include({ state: 'rejected', operator: 'olga', decisionReason: 'looked at it' });
      expect(byId('h1')?.endedAt).to.equal(instant(7));
      expect(byId('h3')).to.include({ state: 'expired', operator: null, decisionReason: null });
      expect(holds('open', 0, 10).map(({ id }) => id)).to.deep.equal(['h2']);
      expect(holds('all', 0, 10).map(({ id }) => id)).to.deep.equal(['h1', 'h2', 'h3']);
    });

    it('of the same id are one, as the newest event says', async () => {
      await given(
        submissionOf('one', [...atLlm, held('h1', 'operator'), resolved('h1', 'release'), held('h1', 'audit')]),
      );
      const { byId, holds } = holdQueries(models.db);
      expect(byId('h1')).to.include({ state: 'open', source: 'audit', operator: null });
      expect(holds('all', 0, 10)).to.have.length(1);
    });
  });
});
