import * as z from 'zod';
import { jsonOf } from '../text';
import { type FactMessage, factMessage, factName } from './fact';
import { type AnyKind, parseAlarmName } from './kinds';

const alarmSchema = z.object({
  AlarmName: z.string(),
  NewStateValue: z.enum(['OK', 'ALARM']),
  OldStateValue: z.string().default(''),
  NewStateReason: z.string().default(''),
  StateChangeTime: z.string().refine((time) => !Number.isNaN(Date.parse(time))),
  Trigger: z.object({ Threshold: z.number().nullish(), ComparisonOperator: z.string().nullish() }).default({}),
});

export type AlarmChange = z.infer<typeof alarmSchema>;

export interface Change extends Pick<FactMessage, 'subject' | 'code' | 'jobId' | 'count'> {
  name: string;
  kind: AnyKind;
  rings: boolean;
  /** When it changed, ms since 1970. */
  at: number;
  /** The alarm as CloudWatch published it. Absent: a fact. */
  alarm?: AlarmChange;
}

/** A message of the topic: one of our alarms or facts, or any other text. */
export type Notification = { change: Change } | { raw: { subject: string; message: string } };

/** Reads one SNS message. A message of an unknown form is kept as it is. */
export function notificationOf(
  { Subject, Message }: { Subject?: string | null; Message: string },
  place: { instance: string; queues: readonly string[] },
): Notification {
  const json = jsonOf(Message);
  const fact = factMessage.safeParse(json);
  if (fact.success) {
    const { fact: kind, on, since: _since, ...rest } = fact.data;
    return { change: { ...rest, kind, name: factName({ ...rest, kind }), rings: on } };
  }
  const { data: alarm } = alarmSchema.safeParse(json);
  const known = alarm && parseAlarmName(alarm.AlarmName, place);
  if (!alarm || !known) return { raw: { subject: Subject ?? '', message: Message } };
  const { AlarmName: name, NewStateValue: state, StateChangeTime } = alarm;
  return { change: { ...known, name, rings: state === 'ALARM', at: Date.parse(StateChangeTime), alarm } };
}

/** The newest value, read from the alarm's reason. `undefined`: the alarm has no data. */
export function newestValue({ NewStateReason }: Pick<AlarmChange, 'NewStateReason'>): number | undefined {
  const [, number] = /\[(-?\d+(?:\.\d+)?(?:E-?\d+)?) \(/i.exec(NewStateReason) ?? [];
  return number === undefined ? undefined : Number(number);
}
