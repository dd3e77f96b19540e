import * as z from 'zod';
import type { JobRow } from '../../../lib/jobs/row';
import { messageType } from '../../../lib/worker/contract';
import { envelopeOf, layHeld, layParked, layUntried } from './lay-down';
import { type ServiceOptions, startService } from './service';

const QUEUE = 'sample';
const TYPE = 'sample.done.v1';
const CALL_MS = 300;

interface Call {
  id: string;
  sender: string;
}

/**
 * A queue whose jobs each make one request to a vendor, in a step or for a sender. `request` runs when the request
 * arrives, and may throw.
 */
export function startSample(request: (call: Call) => void, options: Partial<ServiceOptions> = {}) {
  const service = startService({
    ...options,
    contract: ({ call }) => ({
      queue: QUEUE,
      types: {
        [TYPE]: messageType<{ sender?: string | undefined }>({
          schema: z.strictObject({ sender: z.string().optional() }),
          process: ({ id, data: { sender } }, { steps, vendor }) => {
            const ask = () => call(CALL_MS, () => request({ id, sender: sender ?? '' }));
            if (sender !== undefined) return vendor('sendgrid', ask, { sender });
            return steps.step('effect', { run: () => vendor('zendesk', ask) });
          },
        }),
      },
    }),
  });
  const envelope = (n: number, time: number, sender?: string) =>
    envelopeOf(n, { type: TYPE, time, data: sender === undefined ? {} : { sender } });
  const job = (n: number, now: number, time: number, sender?: string) => ({
    ...{ queue: QUEUE, envelope: envelope(n, time, sender), group: `g${n}`, now },
  });
  return {
    ...service,
    /** Sends the n-th job now. */
    sendJob: (n: number, { group = `g${n}`, sender }: { group?: string; sender?: string } = {}) =>
      service.send(envelope(n, service.now(), sender), group),
    /** Stores the n-th job as held or as parked, or dead-letters its message untried. It was accepted at `time`. */
    hold: (n: number, held: Partial<JobRow>, { now = service.now(), time = now, sender }: Partial<Held> = {}) =>
      layHeld(service, job(n, now, time, sender), held),
    park: (n: number, time: number) => layParked(service, job(n, service.now(), time)),
    untried: (n: number, time: number) => layUntried(service, job(n, time, time)),
  };
}

interface Held {
  now: number;
  time: number;
  sender: string;
}
