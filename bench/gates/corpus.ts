import { Readable } from 'node:stream';
import type { Blobs } from '../../domain/ports/blobs.ts';
import { encodeWork, type ShingleSet, shingleSet, type Work } from '../../gates/duplicates/shingle-set.ts';
import { uniform } from '../power/random.ts';

const idioms = 400;
const ofIdioms = 30;
const ofItsOwn = 120;
/** One work in so many is a variant of a bundle that the bench judges. */
const variantEvery = 100;
const keptOfVariant = 0.75;

/**
 * Works that are stored beside those judged: each has some of a few hundred idioms that everybody uses, and much of its own; one in a hundred is a variant of
 * a judged one. The work of a number is always the same, and made when it is read first, so that a hundred thousand fit.
 */
export function benchCorpus(judged: readonly Work[]) {
  function workOf(number: number): Work {
    let drawn = 0;
    const random = () => {
      drawn += 1;
      return uniform(number, drawn);
    };
    const original = number % variantEvery === 0 ? judged[(number / variantEvery) % judged.length] : undefined;
    return { architecture: role(random, original?.architecture), training: role(random, original?.training) };
  }
  const read = new Map<string, Uint8Array>();
  const blobs: Pick<Blobs, 'open'> = {
    async open(sha256) {
      const bytes = read.get(sha256) ?? encodeWork(workOf(Number.parseInt(sha256, 16)));
      read.set(sha256, bytes);
      return Readable.from([bytes]);
    },
  };
  return { workOf, blobs, digestOf: (number: number) => number.toString(16).padStart(64, '0') };
}

function role(random: () => number, original: ShingleSet | undefined): ShingleSet {
  const value = () => Math.floor(random() * 2 ** 48);
  const own = Array.from({ length: ofItsOwn }, value);
  const common = Array.from({ length: ofIdioms }, () => Math.floor(random() * idioms) * 2 ** 39);
  const kept = [...(original ?? [])].filter(() => random() < keptOfVariant);
  return shingleSet([...common, ...(original === undefined ? own : [...kept, ...own.slice(0, kept.length / 4)])]);
}
