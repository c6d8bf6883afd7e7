// Progress for people, always on stderr: stdout belongs to results.

export function say(text) {
  process.stderr.write(`prism: ${text}\n`);
}

/** Runs a step that may take long: says what begins, and how long it took. */
export async function step(title, work) {
  say(`${title} …`);
  const started = performance.now();
  const result = await work();
  say(`${title}: done in ${seconds(performance.now() - started)}`);
  return result;
}

export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** What a person has to do before we can go on; shown without a stack, exit code 2. */
export class NotReadyError extends Error {
  constructor(message, remedy) {
    super(message);
    this.name = 'NotReadyError';
    this.remedy = remedy;
  }
}

/** Runs a script's main function when the script itself was started, and turns its failure into an exit code. */
export async function main(work) {
  try {
    process.exitCode = (await work(process.argv.slice(2))) ?? 0;
  } catch (error) {
    if (error instanceof NotReadyError) {
      say(`${error.message}\n\n  ${error.remedy.replaceAll('\n', '\n  ')}\n`);
      process.exitCode = 2;
      return;
    }
    process.stderr.write(`${error.name === 'CommandFailedError' ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
