// One container from start to end, for checks and look-ups while a machine is made ready. Not how attempts are run.
import { request, requestJson } from './docker-api.mjs';

/**
 * Creates, starts, follows and removes a container; resolves to its exit code. `configuration` is the engine's own.
 * Ctrl-C kills the container and rejects, so that whoever called can still tidy up.
 */
export async function runInContainer(configuration, { onStdout, onStderr } = {}) {
  const body = { ...configuration, Labels: { 'prism.purpose': 'setup' } };
  const { Id: id } = await requestJson('POST', '/containers/create', { body });
  const query = { follow: 'true', stdout: 'true', stderr: 'true' };
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    // Refused when it hasn't started or has just ended, which is as good.
    requestJson('POST', `/containers/${id}/kill`).catch(() => {});
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    await requestJson('POST', `/containers/${id}/start`);
    await demultiplex(await request('GET', `/containers/${id}/logs`, { query }), { 1: onStdout, 2: onStderr });
    const { StatusCode: exitCode } = await requestJson('POST', `/containers/${id}/wait`);
    if (interrupted) throw new Error('interrupted');
    return exitCode;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await requestJson('DELETE', `/containers/${id}`, { query: { force: 'true', v: 'true' } });
  }
}

/** The engine's framing of two streams in one: stream number, three zero bytes, length (big-endian), bytes. */
export async function demultiplex(chunks, listeners) {
  let pending = Buffer.alloc(0);
  for await (const chunk of chunks) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 8 && pending.length >= 8 + pending.readUInt32BE(4)) {
      const end = 8 + pending.readUInt32BE(4);
      listeners[pending[0]]?.(pending.subarray(8, end).toString());
      pending = pending.subarray(end);
    }
  }
}
