import { type Accepted, submit } from '../../../lib/submit/submit';
import type { ProducerDeps } from '../../../packages/producer/campaign';

/** Submits a job for which the typed producer has no function, by its queue or version. */
export const submitted = (
  deps: ProducerDeps,
  {
    group,
    ...job
  }: { queue: string; type: string; data: unknown; group?: string | undefined; key: string; notBefore?: string },
): Promise<Accepted> => submit(deps, { ...job, ...(group === undefined ? {} : { group }) });
