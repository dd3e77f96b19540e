import * as z from 'zod';
import { commonEnv, queueSettings } from './common';
import { name } from './values';

/** JSON that the stack writes into the SSM parameter `producerParameter(instance)`. Newer stacks may add fields. */
export const producerSettings = z.object({
  account: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
  bucket: commonEnv.shape.BUCKET,
  prefix: commonEnv.shape.PREFIX,
  table: commonEnv.shape.TABLE,
  /** Recipients per second. It decides the size of a campaign's chunks. */
  emailRate: z.number().positive().max(10_000),
  /** Where the key of the hashes of people is stored, `ssm:/path`. Only a local instance has the key itself here. */
  hashKey: z.string().min(1),
  queues: z.record(name, queueSettings.pick({ type: true, retention: true })),
});
export type ProducerSettings = z.infer<typeof producerSettings>;
