import * as z from 'zod';
import { time } from '../../engine/jobs/items';
import { type Fact, factName } from '../../engine/reconcile/facts';
import { jsonOf } from '../../platform/text';
import { type AnyKind, FACT_KINDS, KINDS, parseAlarmName } from './kinds';

/** A fact on the alarm topic. Times are ms since 1970. Discord takes 6,000 characters, so no text is long. */
const factMessage = z.object({
  fact: z.enum(FACT_KINDS),
  /** The queue, the vendor or the id of the campaign. Empty: the instance. */
  subject: z.string().max(200),
  /** The error behind it. Two codes of one subject are two facts. */
  code: z.string().max(200).optional(),
  jobId: z.string().max(200).optional(),
  count: z.number().optional(),
  /** What the code means here, in words. No personal data. */
  note: z.string().max(500).optional(),
  /** Until when it lasts at least. */
  until: time.optional(),
  on: z.boolean(),
  since: time,
  /** When it began, or since when it is off. */
  at: time,
});
const alarmSchema = z.object({
  AlarmName: z.string(),
  NewStateValue: z.enum(['OK', 'ALARM']),
  OldStateValue: z.string().default(''),
  NewStateReason: z.string().default(''),
  StateChangeTime: z.string().refine((time) => !Number.isNaN(Date.parse(time))),
  /** What the value is of, if the alarm has several: its notification is about one of them. */
  AlarmContributorAttributes: z.record(z.string(), z.string().max(200)).optional(),
  Trigger: z.object({ Threshold: z.number().nullish(), ComparisonOperator: z.string().nullish() }).default({}),
});

export type AlarmChange = z.infer<typeof alarmSchema>;

export interface Change extends Omit<Fact, 'kind'> {
  name: string;
  kind: AnyKind;
  firing: boolean;
  /** When it changed, ms since 1970. */
  at: number;
  /** The alarm as CloudWatch published it. Absent: a fact. */
  alarm?: AlarmChange;
}

/** A message of the topic: one of our alarms or facts, or any other text. */
export type Notification = { change: Change } | { raw: { subject: string; message: string } };

const kind = z.custom<AnyKind>((one) => typeof one === 'string' && Object.hasOwn(KINDS, one));

/** One outage: the alarm or fact that the chat got first, those that fire now, when others ended, what followed. */
export const outageSchema = z.object({
  root: z.object({ name: z.string(), kind, subject: z.string() }),
  since: time,
  firing: z.record(z.string(), z.object({ kind, subject: z.string(), count: z.number().optional() })),
  ended: z.record(z.string(), time).optional(),
  followed: z.array(kind),
});
export type Outage = z.infer<typeof outageSchema>;

/** Reads one SNS message. A message of an unknown form is kept as it is. */
export function notificationOf(
  { Subject, Message }: { Subject?: string | null; Message: string },
  place: { instance: string; queues: readonly string[] },
): Notification {
  const json = jsonOf(Message);
  const fact = factMessage.safeParse(json);
  if (fact.success) {
    const { fact: kind, on, since: _since, ...rest } = fact.data;
    return { change: { ...rest, kind, name: factName({ ...rest, kind }), firing: on } };
  }
  const { data: alarm } = alarmSchema.safeParse(json);
  const known = alarm && parseAlarmName(alarm.AlarmName, place);
  if (!alarm || !known) return { raw: { subject: Subject ?? '', message: Message } };
  const { AlarmName, NewStateValue: state, StateChangeTime, AlarmContributorAttributes: of = {} } = alarm;
  const code = Object.values(of).join(' ');
  const name = `${AlarmName} ${code}`.trim();
  const at = Date.parse(StateChangeTime);
  return { change: { ...known, name, ...(code && { code }), firing: state === 'ALARM', at, alarm } };
}
