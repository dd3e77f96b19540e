import * as z from 'zod';
import { bodyKey } from '../../../lib/engine/jobs/keys';
import { type JobRow, rowOfEnvelope } from '../../../lib/engine/jobs/row';
import { messageType } from '../../../lib/engine/worker/contract';
import { layDead } from '../../support/dead-letters';
import { inState } from '../../support/in-state';
import { envelopeOf, type ServiceOptions, startService } from './service';

export const QUEUE = 'sample';
export const TYPE = 'sample.done.v1';

/** When the job was accepted, by its message and by its row. */
interface Accepted {
  time: number;
  now: number;
  sender: string;
  queue: string;
}

/** The steps of each job, and how long a request takes. `asked`: a vendor that did nothing says so. */
interface Made {
  steps?: readonly string[];
  callMs?: number;
  asked?: boolean;
}

/**
 * A queue whose jobs make a request to a vendor, in each of their steps or for a sender. `request` runs when the request
 * arrives, and may throw.
 */
export function startSample(
  request: (call: { id: string; sender: string }) => void,
  { steps: names = ['effect'], callMs = 300, asked = false, ...options }: Partial<ServiceOptions> & Made = {},
) {
  const service = startService({
    ...options,
    queue: QUEUE,
    contract: ({ call }) => ({
      queue: QUEUE,
      types: {
        [TYPE]: messageType<{ sender?: string | undefined }>({
          schema: z.strictObject({ sender: z.string().optional() }),
          process: async ({ id, data: { sender } }, { steps, vendor }) => {
            const ask = () => call(callMs, () => request({ id, sender: sender ?? '' }));
            if (sender !== undefined) return vendor('sendgrid', ask, { identity: sender });
            const step = { run: () => vendor('zendesk', ask), ...(asked && { resolve: async () => undefined }) };
            for (const name of names) await steps.step(name, step);
          },
        }),
      },
    }),
  });
  const { deps, objects, sqs, main, settings } = service;
  const envelope = (n: number, time: number, sender?: string) =>
    envelopeOf(n, { type: TYPE, time, data: sender === undefined ? {} : { sender } });
  const keep = (kept: { id: string }, queue = QUEUE) =>
    objects.put(bodyKey(deps.prefix, queue, kept.id), JSON.stringify(kept), 'application/json');
  return {
    ...service,
    /** Sends the n-th job now. */
    sendJob: (n: number, { group = `g${n}`, sender }: { group?: string; sender?: string } = {}) =>
      service.send(envelope(n, service.now(), sender), group),
    /** Stores the n-th job as held before the plan began: its row and its body. */
    async hold(n: number, held: Partial<JobRow>, accepted: Partial<Accepted> = {}): Promise<void> {
      const { now = service.now(), time = now, sender, queue = QUEUE } = accepted;
      const message = envelope(n, time, sender);
      const row = rowOfEnvelope({ queue, envelope: message, group: `g${n}`, now });
      const spentMessageIds = [`message-${n}`];
      await keep(message, queue);
      await deps.ledger.write(
        { ...row, state: inState('held'), holds: 1, spentMessageIds, bodyKept: true, ...held },
        0,
      );
    },
    /** Stores the n-th job as parked before the plan began: its row, its body and its DLQ entry. */
    async park(n: number, time: number): Promise<void> {
      const message = envelope(n, time);
      await keep(message);
      await layDead(deps, { queue: QUEUE, n, envelope: message, bodyKept: true, attempts: 1 });
    },
    /** Sends a message that SQS dead-letters before a worker tries it. The queue must be empty. */
    untried(n: number, time: number): void {
      service.send(envelope(n, time), `g${n}`);
      for (let receive = 0; receive <= settings.receives; receive++)
        sqs.receiveMessage({ QueueUrl: main, VisibilityTimeout: 0 });
    },
  };
}
