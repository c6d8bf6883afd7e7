import assert from 'node:assert/strict';
import {
  digestOfLines,
  readSources,
  recipeDigest,
  runnerDigestOf,
  wheelsDigest,
} from '../../gpu-runner/image/digest.mjs';
import { isEvaluator } from '../../gpu-runner/image/evaluator-image.mjs';
import { parseRequirements } from '../../gpu-runner/image/wheels.mjs';
import { isInstalled } from '../../scripts/build.mjs';
import { canonicalJson } from '../../scripts/lib/canonical-json.mjs';
import { engineAddress, followProgress } from '../../scripts/lib/docker-api.mjs';
import { demultiplex } from '../../scripts/lib/docker-run.mjs';
import { hasAbortingHeaders } from '../../scripts/lib/native-module.mjs';
import { isNodeNewEnough } from '../../scripts/lib/node-version.mjs';
import { parseReport } from '../../scripts/python-check.mjs';

describe('the runnerDigest', () => {
  const parts = { recipe: 'a', sources: 'b', wheels: 'c', debs: 'd' };

  it('changes with each of its four parts', () => {
    const digests = Object.keys(parts).map((part) => runnerDigestOf({ ...parts, [part]: 'other' }));
    assert.equal(new Set([runnerDigestOf(parts), ...digests]).size, 5);
  });

  it('does not depend on the order in which lines are found', () => {
    assert.equal(digestOfLines(['b=1', 'a=2']), digestOfLines(['a=2', 'b=1']));
    assert.notEqual(digestOfLines(['a', 'b']), digestOfLines(['ab']));
  });

  it('covers a wheel’s name as well as its bytes', () => {
    const wheel = { name: 'x-1.whl', sha256: 'f0' };
    assert.notEqual(wheelsDigest([wheel]), wheelsDigest([{ ...wheel, name: 'y-1.whl' }]));
  });

  it('covers the runner’s files and the recipe’s', async () => {
    const { files, digest } = await readSources();
    assert.ok(files.every(({ name }) => /^prism_(runner|challenge)\//.test(name) && !name.includes('__pycache__')));
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.match(await recipeDigest(), /^[0-9a-f]{64}$/);
  });
});

describe('finding the evaluator image', () => {
  const parts = { recipe: 'a', sources: 'b', wheels: 'c', debs: 'd' };
  const runnerDigest = runnerDigestOf(parts);
  const labels = Object.fromEntries(
    Object.entries({ ...parts, runnerDigest }).map(([name, value]) => [`prism.${name}`, value]),
  );
  const tag = `prism-evaluator:${runnerDigest.slice(0, 12)}`;

  it('takes one whose labels add up to the digest in its tag', () => {
    assert.equal(isEvaluator({ Labels: labels, RepoTags: ['other:1', tag] }), true);
  });

  it('passes by an image built upon it, which inherits the labels', () => {
    assert.equal(isEvaluator({ Labels: labels, RepoTags: ['prism-evaluator-dev:1'] }), false);
    assert.equal(isEvaluator({ Labels: labels, RepoTags: null }), false);
  });

  it('passes by one whose labels do not add up', () => {
    assert.equal(isEvaluator({ Labels: { ...labels, 'prism.wheels': 'x' }, RepoTags: [tag] }), false);
  });
});

describe('what is installed', () => {
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b': { version: '2.0.0', integrity: 'sha512-b', optional: true },
  };
  const a = { version: '1.0.0', integrity: 'sha512-a' };

  it('is current when every package that is not optional is there', () => {
    assert.equal(isInstalled(wanted, { 'node_modules/a': a }), true);
    assert.equal(isInstalled(wanted, {}), false);
  });

  it('is stale when a package differs or is not wanted any more', () => {
    assert.equal(isInstalled(wanted, { 'node_modules/a': { ...a, version: '1.0.1' } }), false);
    assert.equal(isInstalled(wanted, { 'node_modules/a': { ...a, integrity: 'sha512-c' } }), false);
    assert.equal(isInstalled(wanted, { 'node_modules/a': a, 'node_modules/c': a }), false);
  });

  it('knows a Node that is new enough', () => {
    const versions = ['18.20.0', '20.18.3', '20.19.0', '22.1.0', '24.0.0'];
    assert.deepEqual(versions.map(isNodeNewEnough), [false, false, true, true, true]);
  });
});

describe('the Docker Engine’s interface', () => {
  it('is a socket unless DOCKER_HOST says otherwise', () => {
    assert.equal(engineAddress({}).options.socketPath, '/var/run/docker.sock');
    assert.equal(engineAddress({ DOCKER_HOST: 'unix:///tmp/d.sock' }).options.socketPath, '/tmp/d.sock');
    assert.deepEqual(engineAddress({ DOCKER_HOST: 'tcp://127.0.0.1:2380' }).options, {
      host: '127.0.0.1',
      port: '2380',
    });
    assert.throws(() => engineAddress({ DOCKER_HOST: 'ssh://host' }), /only unix:\/\/ and tcp:\/\//);
  });

  it('frames two streams in one, wherever the chunks are cut', async () => {
    const frame = (stream, text) =>
      Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
    const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, 'more')]);
    for (const size of [1, 3, 9, bytes.length]) {
      const heard = { 1: '', 2: '' };
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, number) =>
        bytes.subarray(number * size, (number + 1) * size),
      );
      await demultiplex(chunks, {
        1: (text) => {
          heard[1] += text;
        },
        2: (text) => {
          heard[2] += text;
        },
      });
      assert.deepEqual(heard, { 1: 'outmore', 2: 'err' });
    }
  });

  it('reports a failed build inside an answer of 200', async () => {
    const chunks = [Buffer.from('{"stream":"Step 1"}\n{"err'), Buffer.from('or":"no space"}\n')];
    const heard = [];
    await assert.rejects(
      followProgress(chunks, (text) => heard.push(text)),
      /no space/,
    );
    assert.deepEqual(heard, ['Step 1']);
  });
});

describe('small parsers', () => {
  it('read pinned requirements past comments', () => {
    assert.deepEqual(parseRequirements('# why\n\nnumpy==2.0.0\n  torch==2.13.0 \n'), ['numpy==2.0.0', 'torch==2.13.0']);
  });

  it('count a JUnit report', () => {
    const report =
      '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="1"></testsuite>';
    assert.deepEqual(parseReport(report), { passed: 4, failed: 3, skipped: 3 });
    assert.deepEqual(parseReport(''), { passed: 0, failed: 0, skipped: 0 });
  });

  it('write canonical JSON: keys sorted at every depth', () => {
    assert.equal(canonicalJson({ b: [{ d: 1, c: null }], a: 'é\n' }), '{"a":"é\\n","b":[{"c":null,"d":1}]}');
  });
});

describe('the headers of the native module', () => {
  it('are those of an earlier release from Node 24.19 on, and the own ones elsewhere', () => {
    assert.deepEqual(['24.19.0', '24.21.0'].map(hasAbortingHeaders), [true, true]);
    assert.deepEqual(['20.20.2', '22.23.2', '24.18.1'].map(hasAbortingHeaders), [false, false, false]);
  });
});
