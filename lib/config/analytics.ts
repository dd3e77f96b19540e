import * as z from 'zod';
import { commonEnv } from './common';
import { list } from './values';

export const analyticsEnv = z.object({
  ...commonEnv.shape,
  /** Jobs first made from this time on may hold no e-mail addresses in their events. */
  ANALYTICS_NO_ADDRESSES_FROM: z.iso.datetime({ offset: true }).optional(),
});

export type AnalyticsConfig = z.infer<typeof analyticsEnv>;

/** The columns of every event in Parquet. */
export const EVENT_COLUMNS = [
  ...(['id', 'name', 'time', 'user', 'session', 'device', 'schema', 'properties'] as const),
  ...(['job', 'source', 'group', 'sequence', 'accepted'] as const),
] as const;
export type EventColumn = (typeof EVENT_COLUMNS)[number];

/** The types of properties that have a column of their own. */
export const PROPERTY_TYPES = ['text', 'number', 'boolean'] as const;
export type PropertyType = (typeof PROPERTY_TYPES)[number];

export const hoursEnv = z.object({
  ...commonEnv.shape,
  /** Properties that have a column of their own, such as `price=number,product=text`. */
  ANALYTICS_COLUMNS: list
    .transform((entries) => entries.map((entry) => entry.split('=')))
    .pipe(z.array(z.tuple([z.string(), z.enum(PROPERTY_TYPES)]))),
});
