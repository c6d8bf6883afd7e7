import type { FailureVerdict } from '../../domain/submission/events.ts';

export type Test = 'blindMean' | 'signedDifferences' | 'rerun';

/** What becomes of a submission, as the outside sees it. */
export type Expected =
  /** Completed, with no finding, and confirmed by a rerun. */
  | { readonly kind: 'confirmed' }
  /** Completed, and measured as its twin is, to the last logit. */
  | { readonly kind: 'asTwin' }
  /** Completed, and pays for it: its score is no better than its twin's. */
  | { readonly kind: 'noBetter' }
  /** Completed, with a code so much shorter at most than its twin's: what is left to gain. */
  | { readonly kind: 'gainsAtMost'; readonly bytes: number }
  | { readonly kind: 'failed'; readonly verdict: FailureVerdict; readonly says?: string }
  | { readonly kind: 'heldForIntegrity'; readonly by: Test }
  /** Completed and confirmed, its state measured: no contestant has found anything; and nothing of what it was asked is kept anywhere. */
  | { readonly kind: 'measuredOnVal' }
  /** Completed; its state is as good as its twin's, and is compared with the uniform code, the worst that there is. */
  | { readonly kind: 'comparedWithUniform' }
  /** Chance decides which test finds it; whichever does or doesn't, it ranks no better than its twin. */
  | { readonly kind: 'gainsNothing' };

/** Cases of one group share a service and its policy (policies.ts). */
export type Group = 'channel' | 'answers' | 'reruns' | 'limits' | 'shapes' | 'heldOut';

export type Case = {
  /** Of the bundle's folder. */
  readonly name: string;
  /** What it does, as the end of "a bundle that …". */
  readonly does: string;
  readonly group: Group;
  readonly expected: Expected;
  /** What it runs against. */
  readonly why: string;
  /** The honest bundle that it is compared with, if that isn't `twin`. */
  readonly twin?: string;
  /** One of several of its kind, or slow: left to `npm run test:long`. */
  readonly isLong?: true;
};

const asTwin = { kind: 'asTwin' } as const;
const noBetter = { kind: 'noBetter' } as const;
const confirmed = { kind: 'confirmed' } as const;
const gainsNothing = { kind: 'gainsNothing' } as const;
const causality = { kind: 'failed', verdict: 'causality' } as const;
const heldBy = (by: Test): Expected => ({ kind: 'heldForIntegrity', by });
const failed = (verdict: FailureVerdict, says = ''): Expected => ({ kind: 'failed', verdict, says });

const equality = 'before a cut, decoy and true frame are answered alike, or it is convicted';
const blindMean = 'it repeats what it answered to decoys, but that it answered blind: the mean at the cuts shows';
const settled = 'a decoy stands for as many positions as were settled before it was drawn';
const referee = 'costs are computed by the referee, from bytes that it has copied';
const copied = 'a reply is copied out of reach before it is looked at, and the memory file is sealed';
const nothingThere = 'the container holds nothing of it';
const charged = 'the xz size of everything delivered is part of the code length';
const protocol = 'every message is bounded and has its place';
const clock = 'every wait of the referee has a deadline';
const cpuTime = 'the executor counts what CPU time a frame costs';
const lastDigits = 'an honest design whose prefix logits may move in the last digits stays far below the bound';
const plain = 'an honest design looks at the past only';

const lookingAhead: readonly Case[] = [
  {
    name: 'block-mean',
    does: 'mixes the mean of each block into all of it',
    group: 'answers',
    expected: causality,
    why: equality,
  },
  {
    name: 'fft-mixing',
    does: 'mixes positions by a circular convolution',
    group: 'answers',
    expected: causality,
    why: equality,
    isLong: true,
  },
  {
    name: 'bidirectional-attention',
    does: 'attends to what comes next',
    group: 'answers',
    expected: causality,
    why: equality,
  },
  {
    name: 'late-positions',
    does: 'looks ahead at late positions only',
    group: 'answers',
    expected: causality,
    why: equality,
  },
  {
    name: 'after-a-while',
    does: 'looks ahead once sixty batches were honest',
    group: 'answers',
    expected: causality,
    why: `decoys are spread over the whole run; ${equality}`,
    isLong: true,
  },
  {
    name: 'across-rows',
    does: 'reads the other rows of the batch',
    group: 'answers',
    expected: causality,
    why: `every row has its own cut; ${equality}`,
  },
  {
    name: 'training-in-forward',
    does: 'trains on a frame before it answers it',
    group: 'answers',
    expected: causality,
    why: equality,
    isLong: true,
  },
  {
    name: 'training-in-forward-replayed',
    does: 'trains on true frames and repeats what it answered to decoys',
    group: 'answers',
    expected: heldBy('blindMean'),
    why: blindMean,
    isLong: true,
  },
  {
    name: 'replay',
    does: "remembers a decoy's answer and looks ahead in the rest of the true frame",
    group: 'answers',
    expected: heldBy('blindMean'),
    why: blindMean,
  },
  {
    name: 'replay-reused',
    does: 'does so in a forward that it trains on',
    group: 'answers',
    expected: heldBy('blindMean'),
    why: 'the tests are the same where the scored forward is reused',
    isLong: true,
  },
  {
    name: 'honest-when-examined',
    does: 'is honest wherever it has seen a decoy',
    group: 'answers',
    expected: heldBy('blindMean'),
    why: 'the mean at the cuts stands for the batches that had none, too',
  },
  {
    name: 'seed-switch',
    does: 'is honest with the seed of local runs',
    group: 'answers',
    expected: heldBy('blindMean'),
    why: 'the seed of a scored run is drawn from a secret; what it does with it is measured',
    isLong: true,
  },
  {
    name: 'shading',
    does: 'shades every token by less than the equality bound',
    group: 'answers',
    expected: heldBy('signedDifferences'),
    why: 'small differences of honest models have no direction',
  },
  {
    name: 'coin-batches',
    does: 'looks ahead in whole batches that a coin picks',
    group: 'reruns',
    expected: gainsNothing,
    why: 'found by the blind mean, or by the denser cuts of a rerun; until confirmed it ranks as what it pays blind',
    isLong: true,
  },
  {
    name: 'surprising-tokens',
    does: 'looks ahead at surprising tokens only',
    group: 'reruns',
    expected: gainsNothing,
    why: 'too little for the blind mean of a short stream; a rerun does not confirm it, and it ranks as what it pays blind',
  },
  {
    name: 'rare-batches',
    does: 'looks ahead in one batch of forty, decoy or not',
    group: 'reruns',
    expected: gainsNothing,
    why: 'convicted where two decoys come before such batches, else by a rerun that has one before every batch',
  },
  {
    name: 'shading-replayed',
    does: 'shades what no decoy asked about',
    group: 'reruns',
    expected: gainsNothing,
    why: 'its claims depend on the cuts, so that no rerun confirms them',
    isLong: true,
  },
  {
    name: 'never-the-same',
    does: "draws its weights from the operating system's randomness and looks ahead where no decoy was seen",
    group: 'reruns',
    expected: gainsNothing,
    why: 'what no rerun can confirm ranks as what it pays blind',
  },
  {
    name: 'giant-batches',
    does: 'takes giant batches of short rows, for as few decoys as can be had',
    group: 'reruns',
    expected: gainsNothing,
    why: 'a run with too few decoys for a blind mean takes that of its rerun',
  },
  {
    name: 'rerun-honest',
    does: 'is honest where it finds itself in a rerun',
    group: 'reruns',
    expected: gainsNothing,
    why: 'its claims were committed to before, and are not reproduced',
  },
  {
    name: 'rerun-crash',
    does: 'crashes where it finds itself in a rerun',
    group: 'reruns',
    expected: heldBy('rerun'),
    why: 'a rerun that ends on the side of the contestant contradicts: it got through once',
  },
  {
    name: 'rerun-stall',
    does: 'stalls where it finds itself in a rerun',
    group: 'reruns',
    expected: heldBy('rerun'),
    why: 'a rerun that ends on the side of the contestant contradicts: it got through once',
    isLong: true,
  },
  {
    name: 'chosen-shapes',
    does: 'takes small batches while a decoy is due, large ones while none is, and shades those',
    group: 'shapes',
    expected: gainsNothing,
    why: settled,
    twin: 'chosen-shapes-twin',
    isLong: true,
  },
  {
    name: 'lucky-shapes',
    does: 'takes large batches after a decoy that it answered well by chance, and shades those',
    group: 'shapes',
    expected: gainsNothing,
    why: settled,
    twin: 'lucky-shapes-twin',
    isLong: true,
  },
  {
    name: 'second-iterator',
    does: 'opens a second iterator with a frame outstanding',
    group: 'answers',
    expected: failed('contract', 'while a frame is to be answered'),
    why: 'a frame that was sent must be answered',
  },
];

const logits: readonly Case[] = [
  {
    name: 'narrow-logits',
    does: 'returns one logit a position',
    group: 'answers',
    expected: failed('contract', '(4, 32, 1)'),
    why: 'the shape is [B, T, V]',
    isLong: true,
  },
  {
    name: 'wide-logits',
    does: 'returns V + 1 logits a position',
    group: 'answers',
    expected: failed('contract', '(4, 32, 257)'),
    why: 'the shape is [B, T, V]',
    isLong: true,
  },
  {
    name: 'misshapen-logits',
    does: "gets such logits past the adapter's check",
    group: 'answers',
    expected: causality,
    why: 'the referee reads V logits a position whatever it is told; what it reads then depends on other positions',
    isLong: true,
  },
  {
    name: 'lying-tensor',
    does: 'returns a tensor that lies about its shape',
    group: 'answers',
    expected: failed('exception'),
    why: 'bytes are copied, not tensors',
    isLong: true,
  },
  {
    name: 'not-a-number',
    does: 'returns NaN',
    group: 'answers',
    expected: failed('nan'),
    why: 'more than three batches that are no distribution end the run',
  },
  {
    name: 'not-a-number-thrice',
    does: 'returns NaN in three batches',
    group: 'answers',
    expected: noBetter,
    why: 'what is no distribution is charged as probability 0',
    isLong: true,
  },
  {
    name: 'infinite-logits',
    does: 'puts +inf on the token that follows',
    group: 'answers',
    expected: failed('nan'),
    why: 'what is no distribution is charged as probability 0',
    isLong: true,
  },
  {
    name: 'impossible-rest',
    does: 'returns -inf alone',
    group: 'answers',
    expected: failed('nan'),
    why: 'what is no distribution is charged as probability 0',
    isLong: true,
  },
  {
    name: 'huge-logits',
    does: 'returns logits near the largest float',
    group: 'answers',
    expected: noBetter,
    why: 'the largest is subtracted before anything is exponentiated',
    isLong: true,
  },
];

const channel: readonly Case[] = [
  {
    name: 'forged-files',
    does: 'writes results of its own wherever it can',
    group: 'channel',
    expected: asTwin,
    why: 'there is no writable path that both see',
  },
  {
    name: 'forged-lines',
    does: "prints metrics and the referee's lines on everything that it inherited",
    group: 'channel',
    expected: asTwin,
    why: 'nothing that it prints is read for a measurement',
  },
  {
    name: 'forged-frames',
    does: 'writes frames on stdout and every descriptor but the channel',
    group: 'channel',
    expected: asTwin,
    why: 'the one connection is the only way in',
    isLong: true,
  },
  {
    name: 'patched-loss',
    does: 'patches cross_entropy, softmax and the arithmetic in its process',
    group: 'channel',
    expected: asTwin,
    why: referee,
  },
  {
    name: 'patched-load',
    does: 'patches torch.load and pickle',
    group: 'channel',
    expected: asTwin,
    why: 'nothing of the measurement is loaded in its process',
    isLong: true,
  },
  {
    name: 'patched-context',
    does: 'rewrites ctx and walks frames and the garbage collector for a referee',
    group: 'channel',
    expected: asTwin,
    why: 'there is no referee in its process, and ctx is advice',
    isLong: true,
  },
  {
    name: 'rewritten-memory',
    does: 'cuts, grows and remaps the memory of the logits and rewrites it once they are taken',
    group: 'channel',
    expected: asTwin,
    why: copied,
  },
  {
    name: 'second-connection',
    does: 'looks for a second connection',
    group: 'channel',
    expected: asTwin,
    why: 'the listener accepts one and is gone',
  },
  {
    name: 'descriptor-flood',
    does: 'sends 253 descriptors with every answer',
    group: 'channel',
    expected: asTwin,
    why: 'the referee takes none',
    isLong: true,
  },
  {
    name: 'garbage',
    does: 'floods the channel with garbage',
    group: 'channel',
    expected: failed('contract', 'over the bound'),
    why: protocol,
  },
  {
    name: 'message-flood',
    does: 'floods the channel with messages',
    group: 'channel',
    expected: failed('contract', 'while a frame is to be answered'),
    why: protocol,
  },
  {
    name: 'short-frame',
    does: 'answers a frame but for its last position',
    group: 'channel',
    expected: failed('contract', 'while a frame is to be answered'),
    why: protocol,
    isLong: true,
  },
  {
    name: 'missing-frame',
    does: 'leaves a frame unanswered and goes on',
    group: 'channel',
    expected: failed('contract', 'while a frame is to be answered'),
    why: protocol,
    isLong: true,
  },
  {
    name: 'late-frame',
    does: 'answers a frame when its time is over',
    group: 'limits',
    expected: failed('timeout'),
    why: clock,
    isLong: true,
  },
];

const initialisation: readonly Case[] = [
  {
    name: 'literal-base85',
    does: 'carries weights in a string',
    group: 'channel',
    expected: noBetter,
    why: `${charged}; its first loss shows them`,
  },
  {
    name: 'literal-int8',
    does: 'carries weights in a list of numbers',
    group: 'channel',
    expected: noBetter,
    why: charged,
    isLong: true,
  },
  {
    name: 'literal-docstring',
    does: 'carries weights in a docstring',
    group: 'channel',
    expected: noBetter,
    why: charged,
    isLong: true,
  },
  {
    name: 'literal-injected',
    does: 'puts weights in at step 10',
    group: 'channel',
    expected: noBetter,
    why: `${charged}, whenever it is used`,
    isLong: true,
  },
  {
    name: 'literal-gated',
    does: 'carries weights behind a gate that is zero at first',
    group: 'channel',
    expected: noBetter,
    why: `${charged}, whatever the first loss is`,
    isLong: true,
  },
  {
    name: 'public-stream',
    does: 'carries the beginning of a public stream',
    group: 'channel',
    expected: noBetter,
    why: `${charged}; a season's order is secret`,
  },
];

const surroundings: readonly Case[] = [
  {
    name: 'environment-seed',
    does: 'starts from weights that all it finds in its surroundings decides',
    group: 'reruns',
    expected: confirmed,
    why: 'a run and its rerun look the same from inside',
  },
  {
    name: 'prose',
    does: 'learns from all the English in its container',
    group: 'channel',
    expected: { kind: 'gainsAtMost', bytes: 3_000 },
    why: 'no documentation is left there; what programs say to people is, and is worth so much once, however long the stream is',
    isLong: true,
  },
  {
    name: 'text-search',
    does: 'looks for the corpus in every file',
    group: 'channel',
    expected: asTwin,
    why: nothingThere,
    isLong: true,
  },
  {
    name: 'memory-search',
    does: 'looks for the corpus in the memory of every process',
    group: 'channel',
    expected: asTwin,
    why: nothingThere,
    isLong: true,
  },
];

const processes: readonly Case[] = [
  {
    name: 'outliving-thread',
    does: 'leaves a thread running when train has returned',
    group: 'channel',
    expected: asTwin,
    why: 'the run ends with its last message; the executor ends the rest',
    isLong: true,
  },
  {
    name: 'double-fork',
    does: 'leaves an orphan behind that ignores signals',
    group: 'channel',
    expected: asTwin,
    why: 'a container ends with all of its processes',
    isLong: true,
  },
  {
    name: 'fork-bomb',
    does: 'forks without end',
    group: 'limits',
    expected: failed('pids'),
    why: 'the pids limit is a verdict of its own',
  },
  {
    name: 'output-flood',
    does: 'prints a gigabyte',
    group: 'limits',
    expected: failed('output'),
    why: 'output is counted, and kept only at its end',
  },
  {
    name: 'full-folders',
    does: 'fills every folder that it can write, and goes on',
    group: 'channel',
    expected: asTwin,
    why: 'every tmpfs is capped, and nothing that is measured lies there',
    isLong: true,
  },
  {
    name: 'full-artifacts',
    does: 'writes more artifacts than there is room for',
    group: 'limits',
    expected: failed('exception', 'No space left on device'),
    why: 'the errno is named',
    isLong: true,
  },
  {
    name: 'sleeping',
    does: 'sleeps for ever',
    group: 'limits',
    expected: failed('timeout'),
    why: clock,
    isLong: true,
  },
  { name: 'busy', does: 'computes for ever in a frame', group: 'limits', expected: failed('timeout'), why: cpuTime },
  {
    name: 'self-stop',
    does: 'stops itself and its parent',
    group: 'limits',
    expected: failed('timeout'),
    why: clock,
    isLong: true,
  },
  {
    name: 'self-kill',
    does: 'kills itself',
    group: 'limits',
    expected: failed('exception'),
    why: 'a signal that only its own code can have sent is its own doing',
  },
  {
    name: 'huge-allocation',
    does: 'takes all memory that there is',
    group: 'limits',
    expected: failed('memory'),
    why: 'the kernel says whose memory it was',
  },
  {
    name: 'many-descriptors',
    does: 'opens files until it may not, and goes on',
    group: 'channel',
    expected: asTwin,
    why: 'descriptors are bounded, and the channel has its own',
    isLong: true,
  },
];

const heldOut: readonly Case[] = [
  {
    name: 'val-carried',
    does: 'leaves val rows in every folder, memory, queue, keyring and process that takes them, and marks in which pages of the image are cached, prints them, and fails where it finds any',
    group: 'heldOut',
    expected: { kind: 'measuredOnVal' },
    why: 'every contestant has folders, memory and processes of its own, which end with it before the next one begins; the referee holds all pages of the image',
  },
  {
    name: 'dumb-twin',
    does: 'plays dumb where it is asked untrained',
    group: 'heldOut',
    expected: { kind: 'comparedWithUniform' },
    why: 'the random twin is clipped at the uniform code, which an honest one nearly costs',
    isLong: true,
  },
];

export const honestCases: readonly Case[] = [
  { name: 'honest-transformer', does: 'is a transformer with a frozen rotary table', why: plain },
  { name: 'honest-lane-state', does: 'carries its state along the lanes in a buffer', why: plain },
  { name: 'honest-long-convolution', does: 'is a long convolution by FFT', why: lastDigits },
  { name: 'honest-experts', does: 'routes tokens to experts', why: lastDigits },
  { name: 'honest-state-space', does: 'is a state space', why: lastDigits, isLong: true },
  { name: 'honest-tied-weights', does: 'ties its head to its embedding', why: plain, isLong: true },
  { name: 'honest-custom-autograd', does: 'has a derivative of its own', why: plain, isLong: true },
  { name: 'honest-bfloat16', does: 'computes in bfloat16', why: lastDigits, isLong: true },
  { name: 'honest-dropout', does: 'has dropout', why: plain, isLong: true },
  { name: 'honest-dropout-reused', does: 'trains on its scored forward, dropout included', why: plain },
  { name: 'honest-changing-batches', does: 'changes its batch size', why: plain, isLong: true },
].map((design) => ({ ...design, group: 'reruns', expected: confirmed }) as Case);

export const attackCases: readonly Case[] = [
  ...lookingAhead,
  ...logits,
  ...channel,
  ...initialisation,
  ...surroundings,
  ...processes,
  ...heldOut,
];
export const cases: readonly Case[] = [...attackCases, ...honestCases];
