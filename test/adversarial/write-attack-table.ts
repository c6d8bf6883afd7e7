import { readFile, writeFile } from 'node:fs/promises';
import { attackTable, attackTableMarks } from './attack-table.ts';

/** Puts the table of attacks into docs/integrity.md: `node dist/test/adversarial/write-attack-table.js`. */
const path = 'docs/integrity.md';
const [before = '', rest = ''] = (await readFile(path, 'utf8')).split(attackTableMarks.begin);
const [, after = ''] = rest.split(attackTableMarks.end);
await writeFile(path, [before, attackTableMarks.begin, attackTable(), attackTableMarks.end, after].join(''));
