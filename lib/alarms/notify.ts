import type { SNSMessage } from 'aws-lambda';
import { codeOf, PermanentError, StopError, WaitError } from '../errors';
import { type DlqExits, exitsSince } from '../jobs/dlq-exits';
import { dlqKey, pauseKey, reconcilerKey } from '../jobs/keys';
import type { Pause } from '../jobs/pause';
import type { FailingWork, ReconcilerRun } from '../jobs/reconciler-run';
import type { DiscordMessage } from '../vendors/discord';
import type { AlarmDeps } from './deps';
import { type Known, messageOf, plainMessage } from './embed';
import { isAboutWaiting, parseAlarmName } from './kinds';
import { type Notification, notificationOf } from './notification';

const CALL_MS = 5_000;
const TRIES = 3;
/** Time at the end of the run that is reserved to store an undelivered alarm. */
const GUARD_MS = 4_000;
/** Exits from a DLQ within this time explain why it is empty. The metrics are some minutes late. */
const EXITS_MS = 60 * 60_000;

/**
 * Sends one message of the topic to Discord. If a retry cannot help, it stores the message in the queue of undelivered
 * alarms. If a retry may help, it rejects: Lambda tries again, and stores the message there after the last try.
 */
export async function notify(
  deps: AlarmDeps,
  sns: Pick<SNSMessage, 'Message' | 'Subject' | 'MessageId'>,
  { remainingMs }: { remainingMs: () => number },
): Promise<void> {
  const notification = notificationOf(sns);
  if (isBeginning(notification)) {
    deps.log.info('an alarm has its first data', { state: 'OK' });
    return;
  }
  const message = messageOf(notification, deps, await knownOf(deps, notification));
  try {
    await send(deps, message, remainingMs);
  } catch (error) {
    const code = codeOf(error);
    deps.log.error('an alarm was not delivered', { code, messageId: sns.MessageId });
    if (!(error instanceof StopError || error instanceof PermanentError)) throw error;
    await deps.undelivered.send(deps.undeliveredUrl, { body: sns.Message, attributes: { code } });
  }
}

/** After a deployment, every alarm changes from no data to OK. Nothing was wrong, so there is nothing to report. */
const isBeginning = (notification: Notification): boolean =>
  'alarm' in notification &&
  notification.alarm.NewStateValue === 'OK' &&
  notification.alarm.OldStateValue === 'INSUFFICIENT_DATA';

async function send(deps: AlarmDeps, message: DiscordMessage, remainingMs: () => number): Promise<void> {
  const { discord, clock } = deps;
  const call = (text: DiscordMessage) => discord.send(text, { timeoutMs: CALL_MS });
  for (let tried = 1; ; tried++) {
    try {
      return await call(message);
    } catch (error) {
      if (error instanceof PermanentError && message.embeds.length > 0) return call(plainMessage(message));
      const fits = error instanceof WaitError && error.waitMs + CALL_MS + GUARD_MS < remainingMs();
      if (!fits || tried === TRIES) throw error;
      await clock.sleep(error.waitMs);
    }
  }
}

/** What the table knows about an alarm. Empty if the table does not answer. */
async function knownOf(deps: AlarmDeps, notification: Notification): Promise<Known> {
  if (!('alarm' in notification)) return {};
  const { AlarmName, NewStateValue } = notification.alarm;
  const alarm = parseAlarmName(AlarmName, deps);
  const over = NewStateValue === 'OK';
  try {
    if (over && (alarm?.kind === 'dlq-depth' || alarm?.kind === 'dlq-age'))
      return { exits: await exitsOf(deps, alarm) };
    if (!over && alarm?.kind === 'reconciler-failures') return { failing: await failingOf(deps) };
    if (alarm && isAboutWaiting(alarm.kind))
      return { pause: (await deps.table.get(pauseKey(alarm.subject))) as Pause | undefined };
  } catch {
    // Send the message anyway, with less detail.
  }
  return {};
}

async function exitsOf(
  { table, clock }: AlarmDeps,
  { subject }: { subject: string },
): Promise<NonNullable<Known['exits']>> {
  const stored = (await table.get(dlqKey(subject))) as DlqExits | undefined;
  return stored ? exitsSince(stored, clock.now() - EXITS_MS) : {};
}

const failingOf = async ({ table }: AlarmDeps): Promise<FailingWork[]> =>
  ((await table.get(reconcilerKey)) as ReconcilerRun | undefined)?.failing ?? [];
