// An image from a Dockerfile, by the engine's classic builder (the one that 20.10 and later have without a plugin).
import { spawn } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { followProgress, inspectImage, request } from './docker-api.mjs';
import { waitFor } from './process.mjs';
import { withWorkFolder } from './work-folder.mjs';

/**
 * Builds and tags; returns the image id. The context holds the Dockerfile, what `context` names (name in the context →
 * path here) and what `prepare(folder)` writes. `labels` and `args` are name → value; `target` is a stage, by default the last one.
 * No network unless asked for.
 */
export async function buildImage({
  tag,
  dockerfile,
  target = '',
  args = {},
  labels = {},
  context = {},
  prepare,
  network = 'none',
}) {
  const query = {
    target,
    t: tag,
    buildargs: JSON.stringify(args),
    labels: JSON.stringify(labels),
    networkmode: network,
    rm: 'true',
    forcerm: 'true',
  };
  await withWorkFolder('context', async (folder) => {
    await symlink(dockerfile, path.join(folder, 'Dockerfile'));
    for (const [name, target] of Object.entries(context)) await symlink(target, path.join(folder, name));
    await prepare?.(folder);
    await sendContext(folder, query);
  });
  return (await inspectImage(tag)).Id;
}

async function sendContext(folder, query) {
  const transcript = [];
  const tar = spawn('tar', ['-C', folder, '--dereference', '-c', '.'], { stdio: ['ignore', 'pipe', 2] });
  const ended = waitFor(tar);
  try {
    await followProgress(await request('POST', '/build', { query, body: tar.stdout }), (text) => {
      transcript.push(text);
      if (process.env.PRISM_VERBOSE === '1') process.stderr.write(text);
    });
    if ((await ended) !== 0) throw new Error(`tar could not read ${folder}`);
  } catch (error) {
    const tail = transcript.join('').trimEnd().split('\n').slice(-25).join('\n');
    throw new Error(`${error.message}\n${tail}`, { cause: error });
  }
}
