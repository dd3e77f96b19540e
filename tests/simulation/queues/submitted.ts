import { createLedger } from '../../../lib/jobs/ledger';
import type { ProducerDeps } from '../../../lib/producer/producer';
import { type Accepted, submit } from '../../../lib/producer/submit';

/** Submits a job for which the typed producer has no function, by its queue or version. */
export const submitted = (
  deps: ProducerDeps,
  {
    group,
    ...job
  }: { queue: string; type: string; data: unknown; group?: string | undefined; key: string; notBefore?: string },
): Promise<Accepted> =>
  submit({ ...deps, ledger: createLedger(deps) }, { ...job, ...(group === undefined ? {} : { group }) });
