import { z } from 'zod';
import { policySchema } from './policy.ts';

const dataSchemas = {
  PolicyActivated: z.strictObject({
    version: z.int().positive(),
    policy: policySchema,
    operator: z.string(),
    reason: z.string(),
  }),
};

export type PolicyEvent = {
  readonly type: 'PolicyActivated';
  readonly data: z.infer<typeof dataSchemas.PolicyActivated>;
};

export const policyEventSchemas = dataSchemas;

export const policyStream = 'policy';
