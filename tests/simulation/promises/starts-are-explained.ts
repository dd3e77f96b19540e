import { MAIL_STEPS } from '../../../lib/worker/mail';
import type { World } from '../world/types';

/** The steps whose vendor cannot always be asked whether they took effect. */
const UNASKABLE: readonly string[] = ['invitation', ...Object.values(MAIL_STEPS)];

/** A worker can die between its claim and its first call. So no claim starts a mail, which that would make unknown. */
export function watchStarts({ onRow, watch }: World): void {
  const leases = new Map<string, string | undefined>();
  const known = new Map<string, ReadonlySet<string>>();
  onRow.push(({ key, id, steps, lease }) => {
    const claims = lease !== undefined && lease.token !== leases.get(key);
    for (const name of UNASKABLE)
      if (claims && steps[name]?.status === 'started' && !known.get(key)?.has(name))
        watch.violated(`nothing twice: the claim of ${id} starts ${name}, whose vendor cannot be asked`);
    leases.set(key, lease?.token);
    known.set(key, new Set(Object.keys(steps)));
  });
}
