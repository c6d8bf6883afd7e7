import { basename } from 'node:path';
import { attackCases, type Case, honestCases } from './cases.ts';
import { heldOutAttacks } from './held-out-attacks.ts';
import { inWords } from './in-words.ts';

/** What stands between these lines of docs/integrity.md. */
export const attackTableMarks = { begin: '<!-- attacks -->\n', end: '<!-- end of attacks -->\n' } as const;

/** The cases as the document shows them, in Markdown. */
export function attackTable(): string {
  return [
    ...table('A bundle that …', attackCases.map(row)),
    '',
    'In held-out runs, beside the bundles of `heldOut` above:',
    '',
    ...table(
      'A contestant that …',
      heldOutAttacks.map(({ does, why, verdict, file, test }) => [
        does,
        why,
        verdict,
        `\`${basename(file)}\`: ${test}`,
      ]),
    ),
    '',
    'And honest designs, in which nothing is found:',
    '',
    ...table('A bundle that …', honestCases.map(row)),
    '',
  ].join('\n');
}

/** `test` is the folder of the bundle; the cases of a group run in `<group>.container.test.ts`. */
function row({ name, does, why, expected, group, isLong }: Case): readonly string[] {
  return [does, why, inWords(expected), `${group}: \`${name}\`${isLong ? ' (long)' : ''}`];
}

function table(what: string, rows: readonly (readonly string[])[]): readonly string[] {
  const head = [what, 'What it runs against', 'Verdict', 'Test'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
