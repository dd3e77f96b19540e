import type { SNSMessage } from 'aws-lambda';
import { codeOf, ignoreStoreError, PermanentError, StopError, WaitError } from '../errors';
import { type ItemDeps, type Pause, type ReconcilerRun, readItem } from '../jobs/items';
import { pauseKey, reconcilerKey, vendorKey } from '../jobs/keys';
import type { Log, Queues } from '../ports';
import type { Discord, DiscordMessage } from '../vendors/discord';
import type { Circuit } from '../worker/circuit';
import { type Details, messageOf, type Place } from './embed';
import { isAboutWaiting } from './kinds';
import { type Change, notificationOf, storedFacts } from './notification';
import { began, type Decision, ended, isOver } from './outages';

export interface AlarmDeps extends Place, ItemDeps {
  discord: Discord;
  undelivered: Pick<Queues, 'send'>;
  undeliveredUrl: string;
  log: Log;
}

const CALL_MS = 5_000;
const TRIES = 3;
/** Time at the end of the run that is reserved to store an undelivered alarm. */
const GUARD_MS = 4_000;

/** Sends one message of the topic to Discord. It rejects if a retry may help, and otherwise stores the message. */
export async function notify(
  deps: AlarmDeps,
  sns: Pick<SNSMessage, 'Message' | 'Subject' | 'MessageId'>,
  { remainingMs }: { remainingMs: () => number },
): Promise<void> {
  const notification = notificationOf(sns, deps);
  const change = 'change' in notification ? notification.change : undefined;
  // After a deployment, every alarm changes from no data to OK. Nothing was wrong, so there is nothing to report.
  if (change?.alarm?.NewStateValue === 'OK' && change.alarm.OldStateValue === 'INSUFFICIENT_DATA') return;
  const decision = change && (await decisionOn(deps, change));
  if (decision?.send === false) {
    deps.log.info('alarm suppressed: part of an open outage', { kind: change?.kind });
    if (change && !change.firing) await ended(deps, change);
    return;
  }
  const details = change && decision ? await detailsOf(deps, change) : {};
  const message = messageOf(notification, deps, { ...details, over: decision?.over });
  try {
    await send(deps, message, remainingMs);
  } catch (error) {
    const code = codeOf(error);
    deps.log.error('an alarm was not delivered', { code, messageId: sns.MessageId });
    if (!(error instanceof StopError || error instanceof PermanentError)) throw error;
    await deps.undelivered.send(deps.undeliveredUrl, { body: sns.Message, attributes: { code } });
  }
  if (change && !change.firing) await ended(deps, change);
}

/** `undefined`: the table does not answer, so the message is sent at once, on its own and with less detail. */
const decisionOn = (deps: AlarmDeps, change: Change): Promise<Decision | undefined> =>
  (change.firing ? began(deps, change) : isOver(deps, change)).catch((error: unknown) => {
    ignoreStoreError(error);
    return undefined;
  });

/** Reads what the table knows about an alarm. Empty if the table does not answer, because the message is sent anyway. */
async function detailsOf(deps: ItemDeps, { kind, subject, code, firing }: Change): Promise<Details> {
  if (!firing) return {};
  try {
    const pause = isAboutWaiting(kind) ? ((await readItem(deps, pauseKey(subject))) as Pause | undefined) : undefined;
    if (pause) return { limit: pause };
    if (kind === 'vendor-limited') {
      const stored = (await readItem(deps, vendorKey(subject))) as Circuit | undefined;
      return { limit: code === 'paused' ? stored?.paused : stored?.rate };
    }
    if (kind === 'reconciler-failing')
      return { failing: ((await readItem(deps, reconcilerKey)) as ReconcilerRun | undefined)?.failing ?? [] };
    if (kind !== 'dlq-depth' && kind !== 'error-rate') return {};
    const facts = Object.values(await storedFacts(deps));
    return { dead: facts.filter((fact) => fact.kind === 'jobs-dead' && fact.subject === subject) };
  } catch {
    return {};
  }
}

async function send({ discord, clock }: AlarmDeps, message: DiscordMessage, remainingMs: () => number): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await discord.send(message, { timeoutMs: CALL_MS });
    } catch (error) {
      const fits = error instanceof WaitError && error.waitMs + CALL_MS + GUARD_MS < remainingMs();
      if (!fits || tried === TRIES) throw error;
      await clock.sleep(error.waitMs);
    }
  }
}
