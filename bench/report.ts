import { cpus, totalmem } from 'node:os';

/** One figure of a bench and its baseline of the same run. `ratio` is turned so that more is better. */
export type Measurement = {
  readonly bench: string;
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: string;
  readonly baselineValue: number;
  readonly ratio: number;
};

/** Benches print JSON lines and nothing else on stdout: method and machine first, then a line a case. */
export function printMethod(bench: string, method: string, rounds: number): void {
  const processors = cpus();
  const machine = {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
  process.stdout.write(`${JSON.stringify({ bench, method, rounds, machine })}\n`);
}

/** For figures of which more is better, such as events a second. */
export function printRate(line: Omit<Measurement, 'ratio'>): void {
  print(line, line.value / line.baselineValue);
}

/** For figures of which less is better, such as milliseconds. */
export function printLatency(line: Omit<Measurement, 'ratio'>): void {
  print(line, line.baselineValue / line.value);
}

function print(line: Omit<Measurement, 'ratio'>, ratio: number): void {
  const rounded = { ...line, value: significant(line.value), baselineValue: significant(line.baselineValue) };
  process.stdout.write(`${JSON.stringify({ ...rounded, ratio: significant(ratio) })}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function significant(value: number): number {
  return Number(value.toPrecision(4));
}
