import * as z from 'zod';
import type { Item } from '../ports';
import { incidentsKey } from './keys';
import { type ItemDeps, readItem } from './ledger';
import { type AllSeries, isAllSeries } from './tally';

/** What is behind an alarm. Ids and codes only. */
export interface Behind {
  jobId?: string | undefined;
  reason?: string | undefined;
  code?: string | undefined;
}

/** What the reconciler knows about alarms. */
export interface AlarmState {
  /** The evaluated alarms that are firing, by name: since when, ms since 1970. */
  ringing: Record<string, number>;
  /** What was recently behind an alarm, by its name. With full monitoring too. */
  behind: Record<string, Behind & { at: number }>;
  /** What SQS measures for CloudWatch: depths and ages. */
  gauges: AllSeries;
  /** Since when a queue or a DLQ has had messages of which none was finished, ms since 1970. */
  stuckSince: Record<string, number>;
  /** The last run that evaluated alarms, in minutes since 1970. */
  minute: number;
}

/** The same as it is stored (key `incidents`). Only the reconciler writes it. */
export interface Incidents extends Item, AlarmState {}

const text = z.string().optional();
const times = z.record(z.string(), z.number()).catch({});
const stateSchema = z.object({
  ringing: times,
  behind: z.record(z.string(), z.object({ jobId: text, reason: text, code: text, at: z.number() })).catch({}),
  gauges: z.custom<AllSeries>(isAllSeries).catch({}),
  stuckSince: times,
  minute: z.number().catch(0),
});

/** The stored state. What is missing or damaged is empty, so an alarm that is still firing is reported again. */
export const alarmState = async (deps: ItemDeps): Promise<AlarmState> =>
  stateSchema.parse((await readItem(deps, incidentsKey)) ?? {});

/** The state before the first alarm. */
export const noAlarms = (): AlarmState => stateSchema.parse({});
