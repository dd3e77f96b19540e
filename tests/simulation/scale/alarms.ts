import { keptMinutes } from '../../../lib/alarms/measurements';
import type { AlarmChange } from '../../../lib/alarms/notification';
import { alarmSpecs } from '../../../lib/alarms/specs/specs';
import { StopError } from '../../../lib/errors';
import { incidentsKey } from '../../../lib/jobs/keys';
import { createTally } from '../../../lib/jobs/tally';
import type { ReconcileDeps } from '../../../lib/reconcile/deps';
import { leanMetrics } from '../../../lib/startup/metrics';
import { queueRow } from '../../support/queue-row';
import { createChance } from '../world/chance';
import { envelopeOf, jobId } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;
const FUNCTION = 'f';
/** Each outage lasts for `DOWN_MINUTES` of this many. */
const ROUND_MINUTES = 120;
const DOWN_MINUTES = 40;
/** A message comes this many minutes after the outage began or ended, with one killed run in between. */
const SOON_MINUTES = 10;
/** One of so many runs dies while it evaluates alarms. */
const ONE_DIES_OF = 5;

interface Told {
  alarm: string;
  state: string;
  at: number;
}

/**
 * The reconciler evaluates the alarms of a queue while its vendor refuses us again and again. Some of its runs die when
 * they publish a change or store which alarms are firing. Each outage must be told and recovered once. A run that dies
 * between the two has its changes told once more.
 */
export const alarmsOfOutages: ScalePlan = {
  name: 'alarms',
  what: 'outages of a vendor with lean monitoring, and a reconciler that dies while it evaluates alarms',
  size: 2,
  largest: 50,
  async run(size) {
    const isDown = (at: number) => {
      const minute = (at - begun) / MINUTE_MS;
      return minute % ROUND_MINUTES >= ROUND_MINUTES - DOWN_MINUTES;
    };
    const service = startService({
      contract: (vendor) =>
        ticketContract(vendor, () => {
          if (isDown(vendor.now()))
            throw new StopError({ code: 'Unauthorized', message: 'refused', vendor: 'zendesk', status: 401 });
        }),
    });
    const begun = service.now();
    const { told, repeats } = watchAlarms(service);
    const minutes = size * ROUND_MINUTES;
    for (let n = 1; n <= minutes; n++) {
      const envelope = envelopeOf(n, { type: TICKET_TYPE, time: begun + n * MINUTE_MS });
      service.after(n * MINUTE_MS, () =>
        service.send(JSON.stringify(envelope), { group: jobId(n), deduplication: jobId(n) }),
      );
    }
    const end = begun + (minutes + ROUND_MINUTES / 2) * MINUTE_MS;
    return service.run({
      withinMs: end - begun + MINUTE_MS,
      done: () => service.now() >= end && (broken({ told, repeats: repeats(), begun, size }) ?? true),
    });
  },
};

/**
 * Makes the reconciler evaluate the alarms. Collects what it tells, and counts the changes that a dead run had told.
 */
function watchAlarms({ deps, now }: { deps: ReconcileDeps; now: () => number }): {
  told: Told[];
  repeats: () => number;
} {
  const chance = createChance(3);
  const told: Told[] = [];
  const dies = () => chance.fraction() < 1 / ONE_DIES_OF;
  const dead = () => new Promise<never>(() => {});
  let unstored = 0;
  let repeats = 0;
  // The queue of the plan, and the vendors of the queue `feedback`.
  const rows = [queueRow('feedback'), { ...queueRow('feedback'), name: TICKETS }];
  const { judged } = alarmSpecs({ instance: 'scale', rows, functions: [], canaryMinutes: 0 }, 'lean');
  const publish = async (_topic: string, { text }: { text: string }) => {
    if (dies()) return dead();
    const { AlarmName, NewStateValue } = JSON.parse(text) as AlarmChange;
    told.push({ alarm: AlarmName, state: NewStateValue, at: now() });
    unstored++;
  };
  const tally = createTally(deps, { name: FUNCTION, keepMinutes: keptMinutes(0) });
  deps.metrics = leanMetrics({ log: deps.metrics, tally });
  const { table } = deps;
  deps.table = {
    ...table,
    put: async (item, version) => {
      if (item.key !== incidentsKey) return table.put(item, version);
      if (unstored > 0 && dies()) {
        repeats += unstored;
        unstored = 0;
        return dead();
      }
      unstored = 0;
      return table.put(item, version);
    },
  };
  deps.monitor = {
    ...{ instance: 'scale', account: '000000000000', region: 'us-east-1', topic: 't', runbook: '', judged },
    ...{ functions: [FUNCTION], topics: { publish }, dlqAlarm: () => undefined },
  };
  return { told, repeats: () => repeats };
}

function broken({
  told,
  repeats,
  begun,
  size,
}: {
  told: readonly Told[];
  repeats: number;
  begun: number;
  size: number;
}): string | undefined {
  const stopped = told.filter(({ alarm }) => alarm.includes('zendesk'));
  for (let round = 1; round <= size; round++) {
    const ends = begun + round * ROUND_MINUTES * MINUTE_MS;
    const begins = ends - DOWN_MINUTES * MINUTE_MS;
    const soon = (state: string, from: number) =>
      stopped.some(
        (change) => change.state === state && change.at >= from && change.at < from + SOON_MINUTES * MINUTE_MS,
      );
    if (!soon('ALARM', begins)) return `alarms: outage ${round} was not told`;
    if (!soon('OK', ends)) return `alarms: the end of outage ${round} was not told`;
  }
  const extra = stopped.length - 2 * size;
  return extra > repeats ? `alarms: ${extra} messages too many about ${size} outages` : undefined;
}
