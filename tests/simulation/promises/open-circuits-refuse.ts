import type { Vendor } from '../../../lib/errors';
import { vendorKey } from '../../../lib/jobs/keys';
import type { Item } from '../../../lib/ports';
import { KEPT_MS } from '../../../lib/worker/circuit';
import { skewOf } from '../draw/plan';
import type { Target } from '../world/faults';
import type { World } from '../world/types';
import { TARGETS } from './holds-are-deserved';

/** The vendor of each target. Chunks of campaigns have a target of their own. */
const VENDOR_OF = new Map<Target, string>([
  ...Object.entries(TARGETS).map(([vendor, target]) => [target, vendor] as const),
  ['bulk', 'sendgrid'],
]);

/**
 * No process calls a vendor whose circuit has been open for longer than a process may keep a closed one, unless the
 * call is the trial call. A process that opened the circuit itself knows it at once.
 */
export function watchCircuits({ onItem, onCall, watch, kernel, reach }: World): void {
  const openSince = new Map<string, number>();
  onItem.push(({ key, stoppedAt }: Item) => {
    if (!key.startsWith('vendor#')) return;
    if (stoppedAt === undefined) openSince.delete(key);
    else if (!openSince.has(key)) openSince.set(key, kernel.now());
  });
  onCall.push(({ name }, target) => {
    const vendor = VENDOR_OF.get(target);
    const since = vendor && openSince.get(vendorKey(vendor as Vendor));
    if (!since || watch.items.get(vendorKey(vendor as Vendor))?.trial) return;
    const openMs = kernel.now() - since;
    reach('call through a circuit that has just opened');
    if (openMs > KEPT_MS)
      watch.violated(`open circuits refuse: ${name} calls ${vendor} ${openMs} ms after its circuit opened`);
  });
}

/** No process calls a paused vendor, unless it read the vendor's circuit just before, or its clock is past the end. */
export function watchPauses({ onCall, watch, kernel, plan, pauses }: World): void {
  onCall.push(({ name }, target) => {
    const vendor = VENDOR_OF.get(target) ?? '';
    const { from, until } = pauses.get(vendor) ?? { from: 0, until: 0 };
    const pausedMs = kernel.now() - from;
    if (pausedMs > KEPT_MS && kernel.now() < until - skewOf(plan) && !watch.items.get(vendorKey(vendor))?.trial)
      watch.violated(`paused vendors refuse: ${name} calls ${vendor} ${pausedMs} ms after its pause`);
  });
}
