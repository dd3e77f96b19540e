import { PermanentError, StopError } from '../../../lib/errors';
import { VENDOR_STOPPED } from '../../../lib/worker/circuit';
import { startSample } from './sample';
import type { ScalePlan } from './service';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

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
    const service = startSample(
      () => {
        if (service.now() >= begun + refusedMs) well++;
        else {
          refused++;
          throw unauthorized();
        }
      },
      // The workers are slow, so that messages still wait when the vendor recovers.
      { concurrency: 2, costs: { table: 80, objects: 200, queues: 80 } },
    );
    const begun = service.now();
    await service.deps.circuits.open('sendgrid', 'Unauthorized');
    for (let n = 1; n <= size; n++) service.sendJob(n, { sender: 'a' });
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
    const service = startSample(({ sender }) => {
      if (sender !== 'innocent') throw forbidden();
      done = true;
    });
    const now = service.now();
    await service.deps.circuits.open('sendgrid', 'Forbidden');
    const error = { class: 'stop' as const, code: VENDOR_STOPPED, message: '', vendor: 'sendgrid' };
    for (let n = 1; n <= size + 1; n++) {
      const sender = n > size ? 'innocent' : `sender-${n}`;
      const of = { sender, time: now - 3_600_000, now: now - 1_000_000 + n };
      await service.hold(n, { reason: 'stopped', vendor: 'sendgrid', error }, of);
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
    const service = startSample(({ sender }) => {
      if (sender.startsWith('unknown')) throw forbidden('from');
      if (sender === 'banned') throw forbidden();
      done++;
    });
    for (let n = 1; n <= size; n++)
      service.sendJob(n, { sender: n % 10 === 0 ? 'good' : n % 2 ? 'banned' : `unknown-${n}` });
    return service.run({
      done: () => {
        const held = service.handled.get('held') ?? 0;
        return held > 0 ? `no bystanders: ${held} jobs were held` : done === Math.floor(size / 10);
      },
      withinMs: MINUTE_MS + size * SECOND_MS,
    });
  },
};
