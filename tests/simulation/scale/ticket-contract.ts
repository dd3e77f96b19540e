import * as z from 'zod';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import type { Vendor } from './service';

export const TICKETS = 'sample';
export const TICKET_TYPE = 'sample.done.v1';
const CALL_MS = 300;

/** Jobs that each make one request to a vendor. `request` runs when the request arrives, and may throw. */
export const ticketContract = ({ call }: Vendor, request: (id: string) => void): QueueContract => ({
  queue: TICKETS,
  types: {
    [TICKET_TYPE]: messageType({
      schema: z.strictObject({}),
      process: ({ id }, { steps, vendor }) =>
        steps.step('effect', { run: () => vendor('zendesk', () => call(CALL_MS, () => request(id))) }),
    }),
  },
});
