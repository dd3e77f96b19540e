import { z } from 'zod';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import type { Vendor } from './service';

export const TICKETS = 'sample';
export const TICKET_TYPE = 'sample.done.v1';
const CALL_MS = 300;

/** Jobs that make one request each at a vendor; `request` happens when it gets there, and may throw. */
export const ticketContract = ({ call }: Vendor, request: (id: string) => void): QueueContract => ({
  queue: TICKETS,
  vendors: ['zendesk'],
  types: {
    [TICKET_TYPE]: messageType({
      schema: z.strictObject({}),
      process: ({ id }, { steps, vendor }) =>
        steps.step('effect', { run: () => vendor('zendesk', () => call(CALL_MS, () => request(id))) }),
    }),
  },
});
