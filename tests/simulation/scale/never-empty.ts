import { envelopeOf, jobId, layHeld } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;
/** More jobs than the workers can handle. */
const NEW_A_MINUTE = 400;
const CONCURRENCY = 2;

/** A queue that is never empty. The reconciler must still release some held jobs each minute. */
export const neverEmpty: ScalePlan = {
  name: 'never-empty',
  what: 'held jobs of a queue whose workers are always busy',
  size: 80,
  largest: 800,
  async run(size) {
    const held = new Set<string>();
    const service = startService({
      concurrency: CONCURRENCY,
      stayMs: 55_000,
      contract: (vendor) => ticketContract(vendor, (id) => void held.delete(id)),
    });
    const now = service.now();
    for (let n = 1; n <= size; n++) {
      held.add(jobId(n));
      const job = { queue: TICKETS, envelope: envelopeOf(n, { type: TICKET_TYPE, time: now }), group: `g${n}`, now };
      await layHeld(service, job, { reason: 'retry', retryAt: now });
    }
    let n = size;
    const send = () => {
      const id = jobId(++n);
      const envelope = envelopeOf(n, { type: TICKET_TYPE, time: service.now() });
      service.send(JSON.stringify(envelope), { group: id, deduplication: id });
    };
    const next = () => {
      send();
      service.after(MINUTE_MS / NEW_A_MINUTE, next);
    };
    for (let first = 0; first < NEW_A_MINUTE; first++) send();
    next();

    return service.run({ done: () => held.size === 0, withinMs: (size / 10 + 5) * MINUTE_MS });
  },
};
