import * as z from 'zod';
import { PermanentError, StopError } from '../../../lib/errors';
import { VENDOR_STOPPED } from '../../../lib/worker/circuit';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { envelopeOf, jobId, layHeld } from './lay-down';
import type { ScalePlan } from './plan';
import { type ServiceOptions, startService } from './service';

const QUEUE = 'sample';
const TYPE = 'sample.called.v1';
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const CALL_MS = 300;

const dataSchema = z.strictObject({ sender: z.string() });

/** A queue whose jobs each call a vendor for a sender. `answer` throws the vendor's error, if any. */
function startCaller(answer: (call: { sender: string; now: number }) => void, options: Partial<ServiceOptions> = {}) {
  return startService({
    ...options,
    contract: ({ call, now }): QueueContract => ({
      queue: QUEUE,
      types: {
        [TYPE]: messageType<z.infer<typeof dataSchema>>({
          schema: dataSchema,
          process: ({ data: { sender } }, { vendor }) =>
            vendor('sendgrid', () => call(CALL_MS, () => answer({ sender, now: now() })), { sender }),
        }),
      },
    }),
  });
}

const body = (n: number, { sender, time }: { sender: string; time: number }) =>
  envelopeOf(n, { type: TYPE, time, data: { sender } });

const unauthorized = () => new StopError({ code: 'Unauthorized', message: '', vendor: 'sendgrid', status: 401 });
const forbidden = (field?: string) =>
  new PermanentError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403, ...(field ? { field } : {}) });

/** The vendor recovers while the queue is full. The next received message makes the trial call. */
export const trialOfWaiting: ScalePlan = {
  name: 'trial-of-waiting',
  what: 'messages that wait for a vendor that refused us',
  size: 1_000,
  largest: 100_000,
  async run(size) {
    const refusedMs = 2.5 * MINUTE_MS;
    let refused = 0;
    let well = 0;
    const service = startCaller(
      ({ now }) => {
        if (now >= begun + refusedMs) well++;
        else {
          refused++;
          throw unauthorized();
        }
      },
      // The workers are slow, so that messages still wait when the vendor recovers.
      { concurrency: 2, costs: { table: 80, objects: 200, queues: 80 } },
    );
    const begun = service.now();
    await service.before.circuits.open('sendgrid', 'Unauthorized');
    for (let n = 1; n <= size; n++)
      service.send(JSON.stringify(body(n, { sender: 'a', time: begun })), { group: `g${n}`, deduplication: jobId(n) });
    return service.run({
      done: () => {
        if (refused > Math.floor((service.now() - begun) / MINUTE_MS))
          return `one trial: ${refused} calls to a vendor that refuses us`;
        return well > 0;
      },
      withinMs: refusedMs + MINUTE_MS + 5 * SECOND_MS,
    });
  },
};

/** Held jobs of different senders that the vendor forbids, and one newer job that it accepts. */
export const innocentAmongGuilty: ScalePlan = {
  name: 'innocent-among-guilty',
  what: 'held jobs that the vendor forbids',
  size: 200,
  largest: 10_000,
  async run(size) {
    let done = false;
    const service = startCaller(({ sender }) => {
      if (sender !== 'innocent') throw forbidden();
      done = true;
    });
    const now = service.now();
    await service.before.circuits.open('sendgrid', 'Forbidden');
    for (let n = 1; n <= size + 1; n++) {
      const envelope = body(n, { sender: n > size ? 'innocent' : `sender-${n}`, time: now - 3_600_000 });
      const job = { queue: QUEUE, envelope, group: `g${n}`, now: now - 1_000_000 + n };
      const error = { class: 'stop' as const, code: VENDOR_STOPPED, message: '', vendor: 'sendgrid' };
      await layHeld(service, job, { reason: 'stopped', vendor: 'sendgrid', error });
    }
    return service.run({ done: () => done, withinMs: 5 * MINUTE_MS });
  },
};

/** The vendor forbids nine of every ten jobs for their senders. The tenth succeeds, and no job is held. */
export const othersGoOn: ScalePlan = {
  name: 'others-go-on',
  what: 'jobs, most of which the vendor forbids for their senders',
  size: 100,
  largest: 20_000,
  async run(size) {
    let done = 0;
    const service = startCaller(({ sender }) => {
      if (sender.startsWith('unknown')) throw forbidden('from');
      if (sender === 'banned') throw forbidden();
      done++;
    });
    const time = service.now();
    for (let n = 1; n <= size; n++) {
      const sender = n % 10 === 0 ? 'good' : n % 2 ? 'banned' : `unknown-${n}`;
      service.send(JSON.stringify(body(n, { sender, time })), { group: `g${n}`, deduplication: jobId(n) });
    }
    return service.run({
      done: () => {
        const held = service.handled.get('held') ?? 0;
        return held > 0 ? `no bystanders: ${held} jobs were held` : done === Math.floor(size / 10);
      },
      withinMs: MINUTE_MS + size * SECOND_MS,
    });
  },
};
