const periodMs = 1_000;

/** Passes on at most one text a second, so that progress is seen and nothing else drowns in it. */
export function everySecond(say: (text: string) => void): (text: string) => void {
  let next = performance.now() + periodMs;
  return (text) => {
    if (performance.now() < next) return;
    next = performance.now() + periodMs;
    say(text);
  };
}
