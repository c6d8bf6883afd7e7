import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { attemptNames } from '../../executor/attempt-names.ts';
import { attemptVolumes, contestantOptions, type PairPlan } from '../../executor/container-options.ts';
import { clearPair } from '../../executor/container-pair.ts';
import { outputTap } from '../../executor/output-tap.ts';
import { spec } from './run-examples.ts';
import { describeWithEngine, type RealEngine } from './with-engine.ts';

/** Sentences of docstrings, documents and comments that an ordinary installation has. */
const sentences = [
  'Directory tree generator', // os.walk: Python, frozen into the program
  'Return the number of items in a container', // len: C
  'Deserialize ``s`` (a ``str``', // json.loads: Python
  'Calculate the exponential of all elements', // numpy.exp: C
  'Compute the arithmetic mean along the specified axis', // numpy.mean: Python
  'Applies an affine linear transformation to the incoming data', // torch.nn.Linear: Python
  'Returns a new tensor with the same data as the', // torch.Tensor.view: set by a call
  'Computes the absolute value of each element', // torch.abs: set by a call
  'Beautiful is better than ugly',
  'Permission is hereby granted, free of charge',
  'This program is free software',
];

type Seen = {
  readonly files: number;
  readonly proseBytes: Readonly<Record<string, number>>;
  readonly largest: readonly (readonly [number, string])[];
  readonly docstringBytes: number;
  readonly found: readonly string[];
  readonly unreadable: readonly string[];
};

describeWithEngine("the text in a contestant's world", (real) => {
  let seen: Seen | null = null;
  before('read every file as it could', async () => {
    seen = await scan(real());
    console.info(
      `      ${JSON.stringify(seen.proseBytes)} in ${seen.files} files, ${seen.docstringBytes} in docstrings`,
    );
  });

  it('has no sentence of any documentation', () => {
    const found = seen?.found.filter((place) => !place.startsWith('/sbin/docker-init: ')); // The engine's, with its licence.
    expect(found).to.deep.equal([]);
  });

  it('is error messages: less than 400,000 bytes, where an ordinary installation has 21 million', () => {
    const bytes = Object.values(seen?.proseBytes ?? {}).reduce((sum, each) => sum + each, 0);
    expect(bytes, JSON.stringify(seen?.largest)).to.be.within(1, 400_000);
  });

  it('is not in what Python says of itself', () => {
    expect(seen?.docstringBytes).to.be.below(5_000);
  });

  it('leaves licences to others', () => {
    expect(seen?.unreadable).to.include('/usr/share/licences');
  });
});

async function scan(real: RealEngine): Promise<Seen> {
  const [prose, program] = await Promise.all(
    ['prose', 'scan_world'].map((name) => readFile(`gpu-runner/image/${name}.py`, 'utf8')),
  );
  const source = `import sys, types
module = types.ModuleType('prose')
exec(${JSON.stringify(prose)}, vars(module))
sys.modules['prose'] = module
exec(${JSON.stringify(program)})
`;
  const key = { submissionId: spec.submissionId, run: 'world', attempt: 1, fencingToken: 1 };
  const plan: PairPlan = {
    scope: { instance: real.instance, slot: 'slot-test-cpu0', key },
    imageId: real.imageId,
    commands: { referee: [], heldOutReferee: [], contestant: ['python3', '-W', 'ignore', '-c', source, ...sentences] },
    deadlineAt: '2030-01-01T00:00:00.000Z',
    ...{ cpuset: '0', threads: 1, memoryBytes: 4 * 2 ** 30, pids: 64, artifactsBytes: 2 ** 20 },
    ...{
      device: 'cpu0',
      deviceClass: 'cpu',
      heldOutSeats: null,
      dataDir: '/etc',
      tokenizersDir: '/etc',
      runtime: null,
      cgroupParent: null,
    },
  };
  const { contestant } = attemptNames(plan.scope);
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const tap = outputTap({ tailBytes: 4_096, limitBytes: 2 ** 20, onLimit: () => {}, onLine });
  try {
    for (const volume of attemptVolumes(plan)) await real.engine.ensureVolume(volume);
    await real.engine.ensureContainer(contestantOptions(plan));
    const attachment = await real.engine.attach(contestant, tap.stdout, tap.stderr);
    await real.engine.start(contestant);
    await attachment.closed;
    const [line] = lines;
    if (line === undefined) throw new Error(tap.tail().toString());
    return JSON.parse(line);
  } finally {
    await clearPair(real.engine, plan.scope, null);
  }
}
