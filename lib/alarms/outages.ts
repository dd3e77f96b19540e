import { ignoreStoreError } from '../errors';
import { outageKey } from '../jobs/keys';
import { type ItemDeps, readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import { type AlarmKind, KINDS, type Kind } from './kinds';

/** One outage: the alarm that the chat was told about, and those that followed from it. Times are ms since 1970. */
interface Outage {
  root: string;
  since: number;
  /** The alarms that are firing now, with their kinds. */
  ringing: Record<string, AlarmKind>;
  /** The kinds that followed, in order. */
  followed: AlarmKind[];
}

/** The outages of one queue, function or vendor, or of the instance (key `outage#{subject}`). */
interface Outages extends Item {
  outages: Outage[];
}

/** An outage that is over: its first alarm, when that fired, and the kinds that followed. */
export type Over = Pick<Outage, 'root' | 'since' | 'followed'>;

/** What to do with an alarm's change. */
export interface Verdict {
  /** False if another message reports this alarm. */
  tell: boolean;
  /** The last alarm of an outage is over. The message is about the outage. */
  over?: Over;
}

/** An alarm that was removed while it was firing never clears, so it explains others only for this time. */
const EXPLAINS_MS = 24 * 60 * 60_000;

export interface Change {
  name: string;
  kind: AlarmKind;
  subject: string;
  /** True when the alarm fires, false when it clears. */
  rings: boolean;
  /** It was firing before: there is a new cause. */
  again: boolean;
  at: number;
}

/** Notes an alarm that fires, and says whether it follows from one that the chat knows. */
export async function began(deps: ItemDeps, change: Change): Promise<Verdict> {
  let verdict: Verdict = { tell: true };
  await changeOutages(deps, change.subject, (outages) => {
    const { name, kind, at } = change;
    const own = outages.find(({ ringing }) => name in ringing);
    if (own) {
      verdict = { tell: change.again || own.root === name };
      return outages;
    }
    const cause = outages.find((outage) => explains(outage, change));
    verdict = { tell: cause === undefined };
    if (!cause) return [...outages, { root: name, since: at, ringing: { [name]: kind }, followed: [] }];
    const joined = { ...cause, ringing: { ...cause.ringing, [name]: kind }, followed: [...cause.followed, kind] };
    return outages.map((outage) => (outage === cause ? joined : outage));
  });
  return verdict;
}

/** What to say about an alarm that is over. `ended` notes it, after the message was sent. */
export async function isOver(deps: ItemDeps, { subject, name }: Change): Promise<Verdict> {
  const own = (await outagesOf(deps, subject)).find(({ ringing }) => name in ringing);
  if (!own) return { tell: true };
  if (Object.keys(own.ringing).length > 1) return { tell: false };
  const { root, since, followed } = own;
  return { tell: true, over: { root, since, followed: [...new Set(followed)] } };
}

export async function ended(deps: ItemDeps, { subject, name }: Change): Promise<void> {
  const write = changeOutages(deps, subject, (outages) =>
    outages.flatMap((outage) => {
      const { [name]: _over, ...ringing } = outage.ringing;
      return Object.keys(ringing).length > 0 ? [{ ...outage, ringing }] : [];
    }),
  );
  // The message was sent. If this fails, the next message about these alarms has less detail.
  await write.catch(ignoreStoreError);
}

function explains({ since, ringing }: Outage, { kind, at }: Change): boolean {
  const { follows = [] }: Kind = KINDS[kind];
  return at - since < EXPLAINS_MS && Object.values(ringing).some((other) => follows.includes(other));
}

const keyOf = (subject: string): string => outageKey(subject || 'instance');

const outagesOf = async (deps: ItemDeps, subject: string): Promise<Outage[]> =>
  ((await readItem(deps, keyOf(subject))) as Outages | undefined)?.outages ?? [];

async function changeOutages(deps: ItemDeps, subject: string, change: (outages: Outage[]) => Outage[]): Promise<void> {
  const key = keyOf(subject);
  await updateItem<Outages>(deps, key, (stored) => {
    const outages = stored?.outages ?? [];
    const next = change(outages);
    return next === outages ? undefined : { ...{ key, version: 0, writer: '', ...stored }, outages: next };
  });
}
