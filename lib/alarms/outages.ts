import { ignoreStoreError } from '../errors';
import { type ItemDeps, readItem, updateItem } from '../jobs/items';
import { outagesKey } from '../jobs/keys';
import type { Item } from '../ports';
import { type AnyKind, KINDS, type Kind } from './kinds';
import type { Change } from './notification';

type Firing = Pick<Change, 'kind' | 'subject' | 'count'>;

/** One outage: the alarm or fact that the chat got first, and those that followed. Times are ms since 1970. */
interface Outage {
  root: { name: string; kind: AnyKind; subject: string };
  since: number;
  firing: Record<string, Firing>;
  followed: AnyKind[];
}

interface Outages extends Item {
  outages: Outage[];
}

/** An outage that is over: what came first, when that began, and the kinds that followed. */
export type Over = Pick<Outage, 'root' | 'since' | 'followed'>;

export interface Decision {
  /** False if another message reports it. */
  send: boolean;
  /** The last alarm of an outage is over. The message is about the outage. */
  over?: Over;
}

/** An alarm that was removed while it was firing never clears, so it explains others only for this time. */
const EXPLAINS_MS = 24 * 60 * 60_000;
/** The alarm about a DLQ names the codes of the jobs dead by then. Jobs that die of another code later get a message. */
const EXPLAINS_CODES_MS = 10 * 60_000;

/** Stores what begins, and decides whether it needs a message or belongs to an open outage. */
export async function began(deps: ItemDeps, change: Change): Promise<Decision> {
  const { name, kind, subject, at, count } = change;
  let send = true;
  await changeOutages(deps, (outages) => {
    const own = outages.find(({ firing }) => name in firing);
    const cause = outages.find((outage) => explains(outage, change));
    send = own ? own.root.name === name : cause === undefined;
    if (own) return outages;
    const firing = { [name]: { kind, subject, ...(count === undefined ? {} : { count }) } };
    if (!cause) return [...outages, { root: { name, kind, subject }, since: at, firing, followed: [] }];
    const joined = { ...cause, firing: { ...cause.firing, ...firing }, followed: [...cause.followed, kind] };
    return outages.map((outage) => (outage === cause ? joined : outage));
  });
  return { send };
}

/** Decides whether an end needs a message. `ended` stores it, after the message was sent. */
export async function isOver(deps: ItemDeps, { name }: Change): Promise<Decision> {
  const own = (await outagesOf(deps)).find(({ firing }) => name in firing);
  if (!own) return { send: true };
  if (Object.keys(own.firing).length > 1) return { send: false };
  const { root, since, followed } = own;
  return { send: true, over: { root, since, followed: [...new Set(followed)] } };
}

export async function ended(deps: ItemDeps, { name }: Change): Promise<void> {
  const write = changeOutages(deps, (outages) =>
    outages.flatMap((outage) => {
      const { [name]: _over, ...firing } = outage.firing;
      return Object.keys(firing).length > 0 ? [{ ...outage, firing }] : [];
    }),
  );
  // The message was sent. If this fails, the next message about these alarms has less detail.
  await write.catch(ignoreStoreError);
}

function explains({ since, firing }: Outage, { kind, subject, at, alarm }: Change): boolean {
  const { follows = [] }: Kind = KINDS[kind];
  if (at - since >= (kind === 'jobs-dead' ? EXPLAINS_CODES_MS : EXPLAINS_MS)) return false;
  return Object.values(firing).some(
    (other) =>
      follows.includes(other.kind) &&
      (other.subject === subject || other.subject === '') &&
      // The chat knows of a few dead jobs. Many more are news.
      (kind !== 'dlq-depth' || (other.count ?? 0) >= (alarm?.Trigger.Threshold ?? 0)),
  );
}

const outagesOf = async (deps: ItemDeps): Promise<Outage[]> =>
  ((await readItem(deps, outagesKey)) as Outages | undefined)?.outages ?? [];

async function changeOutages(deps: ItemDeps, change: (outages: Outage[]) => Outage[]): Promise<void> {
  await updateItem<Outages>(deps, outagesKey, (stored) => {
    const outages = stored?.outages ?? [];
    const next = change(outages);
    return next === outages ? undefined : { key: outagesKey, version: stored?.version ?? 0, writer: '', outages: next };
  });
}
