import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function programVersion(): string {
  const file = readFileSync(join(import.meta.dirname, '../..', 'package.json'), 'utf8');
  const { version }: { version?: unknown } = JSON.parse(file);
  return typeof version === 'string' ? version : 'unknown';
}
