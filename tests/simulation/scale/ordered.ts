import * as z from 'zod';
import { StopError } from '../../../lib/errors';
import { orderKey } from '../../../lib/jobs/keys';
import { messageType, type QueueContract } from '../../../lib/worker/contract';
import { envelopeOf, jobId, layHeld } from './lay-down';
import { limitedVendor } from './limited-vendor';
import type { ScalePlan } from './plan';
import { type Service, type ServiceOptions, startService } from './service';

const QUEUE = 'sample';
const TYPE = 'sample.done.v1';
const MINUTE_MS = 60_000;
/** The vendor refuses every job until this time. */
const WELL_AFTER_MS = 10 * MINUTE_MS;

/** An ordered queue of a vendor that accepts `aMinute` requests a minute. Each job records that it ran. */
function startOrdered({
  groups,
  aMinute = Number.POSITIVE_INFINITY,
  ...options
}: { groups: number; aMinute?: number } & Omit<ServiceOptions, 'contract'>) {
  const groupOf = (n: number): string => `app-${n % groups}`;
  const next = Array.from({ length: groups }, (_, group) => (group === 0 ? groups : group));
  let done = 0;
  let problem: string | undefined;
  let well = false;
  let request = () => {};
  const service = startService({
    ...options,
    settings: { ordered: true },
    contract: ({ call, now }): QueueContract => {
      request = limitedVendor({ now, aMinute, offsetMs: 25_000 }).request;
      return {
        queue: QUEUE,
        types: {
          [TYPE]: messageType({
            schema: z.strictObject({ n: z.number() }),
            process: ({ data: { n } }, { steps, vendor }) =>
              steps.step('effect', {
                run: () => vendor('zendesk', () => call(100, () => act(n))),
              }),
          }),
        },
      };
    },
  });

  function act(n: number): void {
    if (!well) throw new StopError({ code: 'AgreementMissing', message: '403', vendor: 'zendesk' });
    request();
    const group = n % groups;
    if (next[group] !== n) problem ??= `order kept: ${jobId(n)} ran before ${jobId(next[group] ?? 0)}`;
    next[group] = n + groups;
    done++;
  }

  return {
    service,
    groupOf,
    recover: () => {
      well = true;
    },
    /** Reports a front with more than this many ids. */
    watchFronts(most: number): void {
      const look = async () => {
        for (let group = 0; group < groups; group++) {
          const front = await service.table.get(orderKey(QUEUE, groupOf(group)));
          const { length } = (front?.waiting as string[] | undefined) ?? [];
          if (length > most) problem ??= `same cost at any length: a front has ${length} ids`;
        }
        service.after(MINUTE_MS, () => void look());
      };
      void look();
    },
    run: (size: number, withinMs: number) => service.run({ done: () => problem ?? done === size, withinMs }),
  };
}

const envelope = (service: Service, n: number) => envelopeOf(n, { type: TYPE, time: service.now(), data: { n } });

/** Sends all jobs at once while the vendor refuses them. */
async function fromTheQueue(size: number, { groups, aMinute }: { groups: number; aMinute?: number }) {
  const limit = aMinute === undefined ? {} : { aMinute };
  const { service, groupOf, watchFronts, recover, run } = startOrdered({
    groups,
    concurrency: 20,
    stayMs: 55_000,
    ...limit,
  });
  for (let n = 1; n <= size; n++)
    service.send(JSON.stringify(envelope(service, n)), { group: groupOf(n), deduplication: jobId(n) });
  service.after(WELL_AFTER_MS, recover);
  watchFronts(100);
  // A hundred jobs of a group a minute, plus some minutes at both ends.
  const result = await run(size, WELL_AFTER_MS + (size / groups / 30 + size / (aMinute ?? size) + 60) * MINUTE_MS);
  // Each job is held once when it arrives.
  const again = (service.handled.get('held') ?? 0) - size;
  return again > size ? { ...result, violation: `runs in vain: ${again} holds of jobs that were released` } : result;
}

/** A hundred groups of a vendor that is slow for them. The reconciler must release few jobs that have to wait again. */
export const limitedLines: ScalePlan = {
  name: 'lines-limited',
  what: 'jobs of 100 groups in an ordered queue, a vendor with a limit',
  size: 1_000,
  largest: 10_000,
  run: (size) => fromTheQueue(size, { groups: 100, aMinute: Math.min(700, Math.ceil(size / 10)) }),
};

/** One group, whose line is far longer than its front. */
export const oneLine: ScalePlan = {
  name: 'line',
  what: 'jobs of one group in an ordered queue',
  size: 300,
  largest: 10_000,
  run: (size) => fromTheQueue(size, { groups: 1 }),
};

/** A hundred groups side by side. */
export const manyLines: ScalePlan = {
  name: 'lines',
  what: 'jobs of 100 groups in an ordered queue',
  size: 300,
  largest: 10_000,
  run: (size) => fromTheQueue(size, { groups: 100 }),
};

/** Lines of released code, each one list. Reading all their rows takes longer than the reconciler has. */
export const releasedLines: ScalePlan = {
  name: 'released-lines',
  what: 'jobs of two groups that released code held behind another',
  size: 400,
  largest: 10_000,
  async run(size) {
    const groups = 2;
    // The calls are slow and the run is short, so the reconciler cannot read a few hundred rows.
    const { service, groupOf, recover, run } = startOrdered({ groups, costs: { table: 100 }, everyMs: 10_000 });
    const now = service.now();
    const waiting = new Map<string, string[]>();
    for (let n = 1; n <= size; n++) {
      const group = groupOf(n);
      const held = { reason: 'behind', retryAt: now } as const;
      await layHeld(service, { queue: QUEUE, envelope: envelope(service, n), group, now }, held);
      waiting.set(group, [...(waiting.get(group) ?? []), jobId(n)]);
    }
    for (const [group, ids] of waiting)
      await service.table.put({ key: orderKey(QUEUE, group), version: 1, writer: '', waiting: ids }, 0);
    recover();
    return run(size, (size / groups / 5 + 30) * MINUTE_MS);
  },
};
