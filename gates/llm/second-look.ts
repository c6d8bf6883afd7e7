import type { Finding } from '../../domain/submission/events.ts';
import { reviewRule } from './review-rules.ts';
import type { ReviewedFile } from './reviewed-source.ts';

/** What a reviewer says he saw, and where. Nothing of it is believed. */
export type Evidence = {
  readonly path: string;
  readonly line: number;
  readonly rule_id: string;
  readonly explanation: string;
};

/** Reviewers miscount by a line now and then. */
const tolerance = [0, 1, -1];

/**
 * Looks for itself whether the code at a place breaks the rule that it is said to break. A finding where it does, with the rule's own words:
 * what the reviewer says about it stays inside. Null where it doesn't, where there is no such place, and where the rule has nothing to look for.
 */
export function secondLook(files: readonly ReviewedFile[], { path, line, rule_id }: Evidence): Finding | null {
  const code = files.find((file) => file.path === path)?.code;
  const rule = reviewRule(rule_id);
  if (code === undefined || code === null || rule === undefined || rule.look === null) return null;
  for (const offset of tolerance) {
    const match = rule.look.exec(code[line - 1 + offset] ?? '');
    if (match !== null) {
      return {
        rule: rule.id,
        path,
        line: line + offset,
        column: match.index + 1,
        node: null,
        excerptHash: null,
        explanation: rule.title,
      };
    }
  }
  return null;
}
