/**
 * Text from outside as an event may carry it: at most `limit` UTF-16 units, and no lone surrogate, which canonical JSON
 * can't hold. Without this, a contestant's message could keep the outcome of its own attempt out of the log.
 */
export function shownText(text: string, limit: number): string {
  return text.slice(0, limit).replace(/\p{Surrogate}/gu, '\ufffd');
}
