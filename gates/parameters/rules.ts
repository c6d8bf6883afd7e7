/** Changes whenever the parameters gate may judge the same report differently; recorded with every verdict. */
export const parametersGateVersion = 'parameters/2';

export const rules = {
  cap: 'prism:parameters-cap',
  shape: 'prism:parameters-shape',
  dtype: 'prism:parameters-dtype',
  instantiation: 'prism:parameters-instantiation',
  time: 'prism:parameters-time',
  memory: 'prism:parameters-memory',
  deterministic: 'prism:parameters-deterministic',
  causality: 'prism:parameters-causality',
} as const;

/** What the referee takes; it has other floats sent as float32. */
export const floats: readonly string[] = ['bfloat16', 'float16', 'float32', 'float64'];

/** A difference in a token's cost that is worth a word, though it convicts nobody: training may let it grow. */
export const notableMicroNats = 1_000;
