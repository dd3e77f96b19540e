import type { SNSMessage } from 'aws-lambda';
import * as z from 'zod';
import { type ItemDeps, limitSchema, readItem, readPause, reconcilerRuns, renewable } from '../../engine/jobs/items';
import { reconcilerKey, vendorKey } from '../../engine/jobs/keys';
import { storedFacts } from '../../engine/reconcile/facts';
import { type Circuit, nextTrialAt } from '../../engine/worker/circuit';
import { codeOf, PermanentError, StopError, WaitError } from '../../platform/errors';
import type { Log, Queues } from '../../platform/ports';
import type { Discord, DiscordMessage } from './discord';
import { type AlarmedInstance, type Details, messageOf } from './embed';
import { isAboutWaiting, KINDS, type Kind } from './kinds';
import { type Change, notificationOf, type Outage, outageSchema } from './notification';

export interface AlarmDeps extends AlarmedInstance, ItemDeps {
  discord: Discord;
  undelivered: Pick<Queues, 'send'>;
  undeliveredUrl: string;
  log: Log;
}

/** The alarms and facts of each outage: the chat gets one message about them. */
const outagesKey = 'outages';

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
  if (decision?.send === false)
    return deps.log.info('alarm suppressed: part of an open outage', { kind: change?.kind });
  // A table that did not answer would take the time of the message.
  const details = change && decision ? await detailsOf(deps, change) : {};
  await deliver(deps, sns, messageOf(notification, deps, { ...details, over: decision?.over }), remainingMs);
}

/** `undefined`: the table does not answer, or its item is damaged. Then the message is sent on its own. */
const decisionOn = (deps: AlarmDeps, change: Change): Promise<Decision | undefined> =>
  (change.firing ? began(deps, change) : ended(deps, change)).catch((error: unknown) => {
    deps.log.warn('an alarm is sent on its own', { code: codeOf(error) }, error);
    return undefined;
  });

/** Reads what the table knows about an alarm. Empty without an answer or of a damaged item: the message is sent anyway. */
async function detailsOf(deps: ItemDeps, { kind, subject, code, firing }: Change): Promise<Details> {
  if (!firing) return {};
  try {
    const pause = isAboutWaiting(kind) ? await readPause(deps, subject) : undefined;
    if (pause) return { limit: pause };
    if (kind === 'vendor-limited' || kind === 'circuit-open') {
      const stored = await readItem<Circuit>(deps, vendorKey(subject));
      if (kind === 'circuit-open')
        return { nextTrialAt: nextTrialAt(stored, deps.clock.now()), answer: stored?.code ?? stored?.failing?.code };
      return { limit: limitSchema.optional().parse(code === 'paused' ? stored?.paused : stored?.rate) };
    }
    if (kind === 'reconciler-failing')
      return { failing: (await reconcilerRuns.read(deps, reconcilerKey))?.failing ?? [] };
    if (kind !== 'dlq-depth' && kind !== 'error-rate') return {};
    const facts = Object.values(await storedFacts(deps));
    return { dead: facts.filter((fact) => fact.kind === 'jobs-dead' && fact.subject === subject) };
  } catch {
    return {};
  }
}

async function deliver(
  { discord, clock, log, undelivered, undeliveredUrl }: AlarmDeps,
  sns: Pick<SNSMessage, 'Message' | 'MessageId'>,
  message: DiscordMessage,
  remainingMs: () => number,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await discord.send(message, { timeoutMs: CALL_MS });
    } catch (error) {
      const fits = error instanceof WaitError && error.waitMs + CALL_MS + GUARD_MS < remainingMs();
      if (fits && tried < TRIES) {
        await clock.sleep(error.waitMs);
        continue;
      }
      const code = codeOf(error);
      log.error('an alarm was not delivered', { code, messageId: sns.MessageId }, error);
      if (!(error instanceof StopError || error instanceof PermanentError)) throw error;
      await undelivered.send(undeliveredUrl, { body: sns.Message, attributes: { code } });
      return;
    }
  }
}

const outageLists = renewable({ outages: z.array(outageSchema) }, { outages: [] });

interface Decision {
  /** False if another message reports it. */
  send: boolean;
  /** The last alarm of an outage is over. The message is about the outage. */
  over?: Outage | undefined;
}

/** An alarm that was removed while it was firing never clears, so it explains others only for this time. */
const EXPLAINS_MS = 24 * 60 * 60_000;
/** The alarm about a DLQ names the codes of the jobs dead by then. Jobs that die of another code later get a message. */
const EXPLAINS_CODES_MS = 10 * 60_000;

/** An outage that is over stays known for the time in which Lambda may repeat an event. */
const REPEATS_MS = 6 * 60 * 60_000;

/** Stores what begins, and decides whether it needs a message or belongs to an open outage. */
async function began(deps: ItemDeps, change: Change): Promise<Decision> {
  const { name, kind, subject, at, count } = change;
  let send = true;
  await changeOutages(deps, (outages) => {
    // A retry may come after the end.
    const own = outages.find(({ firing, ended = {} }) => name in firing || (ended[name] ?? 0) > at);
    const cause = outages.find((outage) => explains(outage, change));
    // Another code of a kind that follows itself is news.
    const isTurn = cause !== undefined && (KINDS[kind] as Kind).follows?.includes(kind) === true && has(cause, change);
    send = own ? own.root.name === name && isOpen(own) : cause === undefined || isTurn;
    if (own) return outages;
    const firing = { [name]: { kind, subject, ...(count === undefined ? {} : { count }) } };
    if (!cause) return [...outages, { root: { name, kind, subject }, since: at, firing, followed: [] }];
    const joined = { ...cause, firing: { ...cause.firing, ...firing }, followed: [...cause.followed, kind] };
    return outages.map((outage) => (outage === cause ? joined : outage));
  });
  return { send };
}

/** Stores an end, and decides whether it needs a message. A retry of it finds the same outage. */
async function ended(deps: ItemDeps, { name, at }: Change): Promise<Decision> {
  let over: Outage | undefined;
  await changeOutages(deps, (outages) => {
    const known = outages.filter((outage) => isOpen(outage) || lastEnd(outage) > at - REPEATS_MS);
    const own = known.find(({ firing, ended = {} }) => name in firing || ended[name] === at);
    const { [name]: _over, ...firing } = own?.firing ?? {};
    over = own && { ...own, firing, ended: { ...own.ended, [name]: at } };
    return own && over ? known.with(known.indexOf(own), over) : known;
  });
  return { send: !over || !isOpen(over), over };
}

const has = ({ firing }: Outage, { kind, subject }: Change): boolean =>
  Object.values(firing).some((one) => one.kind === kind && one.subject === subject);
const isOpen = ({ firing }: Outage): boolean => Object.keys(firing).length > 0;
const lastEnd = ({ ended = {} }: Outage): number => Math.max(...Object.values(ended));

function explains({ since, firing }: Outage, { kind, subject, at, alarm }: Change): boolean {
  const { follows = [] } = KINDS[kind];
  if (at - since >= (kind === 'jobs-dead' ? EXPLAINS_CODES_MS : EXPLAINS_MS)) return false;
  return Object.values(firing).some(
    (other) =>
      follows.includes(other.kind) &&
      (other.subject === subject || other.subject === '') &&
      // The chat knows of a few dead jobs. Many more are news.
      (kind !== 'dlq-depth' || (other.count ?? 0) >= (alarm?.Trigger.Threshold ?? 0)),
  );
}

async function changeOutages(deps: ItemDeps, change: (outages: Outage[]) => Outage[]): Promise<void> {
  await outageLists.update(deps, outagesKey, (stored) => {
    const outages = stored?.outages ?? [];
    const next = change(outages);
    return next === outages ? undefined : { ...(stored ?? { key: outagesKey, version: 0, writer: '' }), outages: next };
  });
}
