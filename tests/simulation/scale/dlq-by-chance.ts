import { envelopeOf, layParked, layUntried } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;

/** A DLQ that lacks one entry and has one untried message, so that its count matches the table by chance. */
export const dlqByChance: ScalePlan = {
  name: 'dlq-by-chance',
  what: 'parked entries, one lost and one untried, with a reconciler run every five minutes',
  size: 50,
  largest: 1_000,
  async run(size) {
    let done = false;
    const service = startService({
      everyMs: 5 * MINUTE_MS,
      contract: (vendor) =>
        ticketContract(vendor, () => {
          done = true;
        }),
    });
    const now = service.now();
    const envelope = (n: number) => envelopeOf(n, { type: TICKET_TYPE, time: now - 3_600_000 });
    for (let n = 1; n <= size; n++)
      await layParked(service, { queue: TICKETS, envelope: envelope(n), group: `g${n}`, now });
    service.after(2 * MINUTE_MS, () => {
      const { Messages: [lost] = [] } = service.sqs.receiveMessage({ QueueUrl: service.dlq });
      service.sqs.deleteMessage({ QueueUrl: service.dlq, ReceiptHandle: lost?.ReceiptHandle });
      layUntried(service, { envelope: envelope(size + 1), group: 'untried' });
    });
    return service.run({ done: () => done, withinMs: 30 * MINUTE_MS });
  },
};
