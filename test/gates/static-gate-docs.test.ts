import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { staticRuleIds } from '../../gates/static/rules.ts';
import { expectedFindings, specimens, titleOf } from './corpus.ts';

describe('docs/static-gate.md', () => {
  const text = readFileSync('docs/static-gate.md', 'utf8').replaceAll(/ +/g, ' ');

  it('explains every rule', () => {
    expect(staticRuleIds.filter((id) => !text.includes(`\`${id}\``))).to.deep.equal([]);
  });

  it('lists every bypass of the corpus with what it is found as', () => {
    const rows = specimens('hostile').map((specimen) => {
      const rules = [...new Set(expectedFindings(specimen).map((finding) => finding.split(' ')[1] ?? ''))].toSorted();
      return `| \`${specimen.name}\` | ${titleOf(specimen)} | ${rules.map((rule) => `\`${rule}\``).join(', ')} |`;
    });
    expect(rows).to.have.length.of.at.least(60);
    expect(rows.filter((row) => !text.includes(row))).to.deep.equal([]);
  });
});
