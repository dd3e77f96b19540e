import { envelopeOf, layParked, layUntried } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;
const FIRST = 1;

/**
 * A DLQ with one untried message before all parked entries and one after them. The reconciler returns the first
 * in its first run, and the other after a walk through the whole DLQ.
 */
export const largeDlq: ScalePlan = {
  name: 'large-dlq',
  what: 'parked entries in a DLQ, and two untried messages',
  size: 8_000,
  largest: 30_000,
  async run(size) {
    const ms = size > 20_000 ? 10 : 50;
    const done = new Map<string, number>();
    const service = startService({
      costs: { table: ms, objects: ms, queues: ms },
      contract: (vendor) => ticketContract(vendor, (id) => void done.set(id, vendor.now())),
    });
    const now = service.now();
    const envelope = (n: number) => envelopeOf(n, { type: TICKET_TYPE, time: now - 3_600_000 });
    layUntried(service, { envelope: envelope(FIRST), group: 'first' });
    for (let n = 2; n < size; n++)
      await layParked(service, { queue: TICKETS, envelope: envelope(n), group: `g${n}`, now });
    layUntried(service, { envelope: envelope(size), group: 'last' });
    const late = () => !done.has(envelope(FIRST).id) && service.now() > now + 3 * MINUTE_MS;
    return service.run({
      done: () => (late() ? 'liveness: the first run did not return the message in front' : done.size === 2),
      withinMs: (size > 20_000 ? 30 : 20) * MINUTE_MS,
    });
  },
};
