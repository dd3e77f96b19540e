import * as z from 'zod';
import { commonEnv, pairs } from '../../platform/config/functions';
import { section } from '../../platform/config/settings';
import { EVENT_COLUMNS, PROPERTY_TYPES } from './columns';
import { ANALYTICS_FACTS } from './queue';

export const analyticsEnv = commonEnv.extend({
  /** Jobs first made from this time on may hold no mail addresses in their events. */
  ANALYTICS_NO_ADDRESSES_FROM: z.iso.datetime({ offset: true }).optional(),
});

export const hoursEnv = commonEnv.extend({
  /** Properties that have a column of their own, such as `price=number,product=text`. */
  ANALYTICS_COLUMNS: pairs.pipe(z.array(z.tuple([z.string(), z.enum(PROPERTY_TYPES)]))),
});

/** Names that the columns of events and their partitions have. Athena and DuckDB do not distinguish case. */
const RESERVED: readonly string[] = [...Object.keys(EVENT_COLUMNS), 'year', 'month', 'day', 'hour', 'date'];
const propertyName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/)
  .refine((name) => !RESERVED.includes(name.toLowerCase()), 'must not be the name of a column that every event has');

export const ANALYTICS = {
  ...ANALYTICS_FACTS,
  env: analyticsEnv,
  others: { hours: hoursEnv },
  settings: {
    analytics: section({
      noAddressesFrom: z.iso
        .datetime({ offset: true, error: 'must be a time such as 2027-01-01T00:00:00Z' })
        .describe('Events of jobs made from this time on are rejected if a value looks like a mail address'),
      rejected: z
        .int()
        .min(1)
        .max(100)
        .describe('Alarm: rejected events, in percent of at least 1,000 within 15 minutes. Default: 5'),
      athena: z.boolean().describe('Make a Glue database with the tables of events and the view events, for Athena'),
      columns: z
        .record(propertyName, z.enum(PROPERTY_TYPES))
        .describe('Properties of events that get a column of their own in Parquet, with the type of their values'),
    }),
  },
};
