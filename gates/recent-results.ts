/** Results that are asked for again soon, the `limit` last used of them. What fails isn't kept; what is under way is shared. */
export type RecentResults<T> = (key: string, find: () => Promise<T>) => Promise<T>;

export function recentResults<T>(limit: number): RecentResults<T> {
  const kept = new Map<string, Promise<T>>();
  return (key, find) => {
    const found = kept.get(key) ?? find();
    kept.delete(key);
    kept.set(key, found);
    found.catch(() => {
      if (kept.get(key) === found) kept.delete(key);
    });
    const [oldest] = kept.keys();
    if (kept.size > limit && oldest !== undefined) kept.delete(oldest);
    return found;
  };
}
