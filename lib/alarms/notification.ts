import * as z from 'zod';

const alarmSchema = z.object({
  AlarmName: z.string(),
  AlarmDescription: z.string().nullish(),
  AWSAccountId: z.string().default(''),
  NewStateValue: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']),
  OldStateValue: z.string().default(''),
  NewStateReason: z.string().default(''),
  StateChangeTime: z.string(),
  AlarmArn: z.string().default(''),
  Trigger: z.object({ Threshold: z.number().nullish(), ComparisonOperator: z.string().nullish() }).default({}),
});

/** A change of an alarm's state as CloudWatch publishes it. */
export type AlarmChange = z.infer<typeof alarmSchema>;

/** A message from the topic: an alarm, or any other text. */
export type Notification = { alarm: AlarmChange } | { raw: { subject: string; message: string } };

/** Reads one SNS message. A message that is not an alarm is kept as it is. */
export function notificationOf({ Subject, Message }: { Subject?: string | null; Message: string }): Notification {
  const raw = { raw: { subject: Subject ?? '', message: Message } };
  let json: unknown;
  try {
    json = JSON.parse(Message);
  } catch {
    return raw;
  }
  const parsed = alarmSchema.safeParse(json);
  return parsed.success && !Number.isNaN(Date.parse(parsed.data.StateChangeTime)) ? { alarm: parsed.data } : raw;
}

/** The newest value, read from the alarm's reason. `undefined`: the alarm has no data. */
export function newestValue({ NewStateReason }: Pick<AlarmChange, 'NewStateReason'>): number | undefined {
  const [, number] = /\[(-?\d+(?:\.\d+)?(?:E-?\d+)?) \(/i.exec(NewStateReason) ?? [];
  return number === undefined ? undefined : Number(number);
}
