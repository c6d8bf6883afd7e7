import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { z } from 'zod';

const program = join(import.meta.dirname, 'programs/read-bombs.js');
const saidSchema = z.looseObject({
  rules: z.array(z.string()),
  archiveBytes: z.array(z.number()),
  maxRssKib: z.number(),
});

describe('intake in a process of its own', function () {
  this.timeout(60_000);

  it('refuses bombs of 42 kB that would inflate to gigabytes, in less than 150 MB', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    const { rules, archiveBytes, maxRssKib } = saidSchema.parse(JSON.parse(stdout));
    expect(rules).to.deep.equal([
      'prism:zip-content-mismatch',
      'prism:zip-header-mismatch',
      'prism:zip-too-much-content',
    ]);
    expect(Math.max(...archiveBytes)).to.be.below(50_000);
    expect(maxRssKib * 1_024).to.be.below(150_000_000);
  });
});
