import type * as z from 'zod';
import type { Events } from '../platform/ports';
import { ANALYTICS } from './analytics/config';
import { EMAILS } from './emails/config';
import { FEEDBACK } from './feedback/config';
import { TESTFLIGHT } from './testflight/config';

/** What the rest of the service knows about a queue without its code. Stored names must never change. */
interface Queue {
  /** The outside services that its jobs call. Circuits in the table, alarms and permissions have these names. */
  vendors: readonly string[];
  /** The step that sends its mails through SendGrid. */
  mailStep?: string;
  /** Without the effect of this vendor a job may end, after a while. */
  owedVendor?: string;
  /** Whether the ends of its jobs are published. `true` by default. */
  isPublished?: boolean;
  /** The variables of its worker. */
  env: z.ZodObject;
  /** The variables of other functions that only this queue has, by their key in serverless.yml. */
  others?: Readonly<Record<string, z.ZodObject>>;
  /** Its sections of an instance's file. */
  settings?: z.ZodRawShape;
  /** The settings that its worker cannot do without, and that no profile has, like `zendesk.token`. */
  needs?: readonly string[];
  /** Those of its settings that name secrets. The functions that need them may read them. */
  secrets?: readonly string[];
}

/** Every queue. A new one needs a line here. */
const LIST = {
  feedback: FEEDBACK,
  emails: EMAILS,
  testflight: TESTFLIGHT,
  analytics: ANALYTICS,
} satisfies Record<string, Queue>;

export const QUEUES: Readonly<Record<string, Queue>> = LIST;

type Settings<Q> = Q extends { settings: infer S } ? S : never;
type Both<U> = (U extends unknown ? (one: U) => void : never) extends (both: infer B) => void ? B : never;

/** The sections of all queues. */
export const SETTINGS = Object.assign({}, ...Object.values(QUEUES).map(({ settings }) => settings)) as Both<
  Settings<(typeof LIST)[keyof typeof LIST]>
>;

/** The vendors that jobs of these queues call. */
export const vendorsOf = (queues: readonly string[]): string[] => [
  ...new Set(queues.flatMap((queue) => QUEUES[queue]?.vendors ?? [])),
];
export const VENDORS = vendorsOf(Object.keys(QUEUES));

/** By queue: the step that sends its mails. */
export const MAIL_STEPS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(QUEUES).flatMap(([queue, { mailStep }]) => (mailStep === undefined ? [] : [[queue, mailStep]])),
);

/** Publishes the ends of jobs of those queues whose ends are published. */
export const publishedOnly = (events: Events): Events => ({
  publish: async (end) => {
    if (QUEUES[end.queue]?.isPublished ?? true) await events.publish(end);
  },
});
