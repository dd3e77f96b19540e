import * as z from 'zod';
import { codeOf } from '../../platform/errors';
import type { Log } from '../../platform/ports';
import { type ItemDeps, renewable, time } from '../jobs/items';
import { factsKey } from '../jobs/keys';

/** The kinds of facts. A queue adds its own. lib/operate/alarms/kinds.ts has their words. */
export interface FactKinds {
  'circuit-open': unknown;
  'vendor-limited': unknown;
  'vendor-throttles': unknown;
  'messages-returned': unknown;
  'jobs-expired': unknown;
  'jobs-unclaimed': unknown;
  'jobs-dead': unknown;
  'row-damaged': unknown;
  'item-damaged': unknown;
  'data-differs': unknown;
  'reconciler-failing': unknown;
}
export type FactKind = keyof FactKinds;

/** What the reconciler knows and no metric shows: ids, codes, and words without personal data. */
export interface Fact {
  kind: FactKind;
  /** The queue, the vendor or the id of a job's parent. Empty: the instance. */
  subject: string;
  /** The error behind it. Two codes of one subject are two facts. */
  code?: string | undefined;
  jobId?: string | undefined;
  count?: number | undefined;
  /** What the code means here, in words. No personal data. */
  note?: string | undefined;
  /** Until when it lasts at least, as far as is known, ms since 1970. */
  until?: number | undefined;
}

/** A fact on the topic of the alarms: when it began, or since when it is off. Times are ms since 1970. */
export type FactMessage = Omit<Fact, 'kind'> & { fact: FactKind; on: boolean; since: number; at: number };

const factSchema = z.object({
  kind: z.custom<FactKind>((kind) => typeof kind === 'string'),
  subject: z.string(),
  code: z.string().optional(),
  jobId: z.string().optional(),
  count: z.number().optional(),
  note: z.string().optional(),
  until: time.optional(),
  since: time,
  /** Since when no run has found it. Absent while it is on. */
  offAt: time.optional(),
  sent: z.boolean(),
  /** Nothing is published, because an alarm of CloudWatch says the same. */
  quiet: z.boolean().optional(),
});
export type StoredFact = z.infer<typeof factSchema>;

/**
 * The facts that are on, or were a short time ago (key `facts`). The reconciler and the daily check write them. If they
 * are damaged there are none, so a fact that is still on is sent again.
 */
const factLists = renewable({ facts: z.record(z.string(), factSchema) }, { facts: {} });

export const factName = ({ kind, subject, code = '' }: Pick<Fact, 'kind' | 'subject' | 'code'>): string =>
  `${kind}#${subject}#${code}`;

/** The stored facts by name. */
export const storedFacts = async (deps: ItemDeps): Promise<Record<string, StoredFact>> =>
  (await factLists.read(deps, factsKey))?.facts ?? {};

export interface Topic {
  publish(fact: FactMessage): Promise<void>;
  /** A fact is over when no run has found it for this time. */
  overAfterMs: number;
  /** How many DLQ entries set off the alarm about the queue's DLQ. */
  dlqDepth: (queue: string) => number;
}

export interface FactReporter {
  /**
   * Sends a fact, unless it was sent before with the same note. Call it before the effect: a run that dies then sends
   * the fact twice. `quiet`: only stores it, because an alarm of CloudWatch says the same. `turn`: its subject has one
   * code at a time, so the others end at once, and a turn back is sent again.
   */
  report(fact: Fact, options?: { quiet?: boolean; turn?: boolean }): Promise<void>;
  /** Keeps the facts of this kind and subject on, because the run could not search for all of them. */
  keep(about: Pick<Fact, 'kind' | 'subject'>): Promise<void>;
  /** Sends what could not be sent before, and what is over. Returns how many messages the topic has not taken. */
  close(): Promise<number>;
}

export const DAILY = 'data-differs';

/** The facts of the daily check, or all others. */
const part = (all: Record<string, StoredFact>, daily: boolean): Record<string, StoredFact> =>
  Object.fromEntries(Object.entries(all).filter(([, { kind }]) => (kind === DAILY) === daily));

/** Does one work after the other, each with the stored facts. Two kinds of work may find facts at the same time. */
function storedInOrder(deps: ItemDeps, daily: boolean) {
  let facts: Record<string, StoredFact> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    inOrder: <R>(work: (known: Record<string, StoredFact>) => Promise<R>): Promise<R> => {
      const result = last
        .catch(() => {})
        .then(async () => {
          facts ??= part(await storedFacts(deps), daily);
          return work(facts);
        });
      last = result;
      return result;
    },
    store: async (next: Record<string, StoredFact>): Promise<void> => {
      await factLists.update(deps, factsKey, (stored) => ({
        ...(stored ?? { key: factsKey, version: 0, writer: '' }),
        facts: { ...part(stored?.facts ?? {}, !daily), ...next },
      }));
      facts = next;
    },
  };
}

/**
 * It publishes, then stores. A fact that the topic does not take is stored as not sent, and every run tries again. Only
 * a fact's beginning and its end are published, however often runs find it in between. `daily`: the facts are those of
 * the daily check, and all others stay as they are. Otherwise it is the other way round.
 */
export function createFactReporter(
  deps: ItemDeps & { log: Log; topic?: Topic | undefined; daily?: boolean },
): FactReporter {
  const { topic, clock, log, daily = false } = deps;
  if (!topic) return { report: async () => {}, keep: async () => {}, close: async () => 0 };
  const found = new Map<string, Fact>();
  const { inOrder, store } = storedInOrder(deps, daily);
  const isOver = ({ offAt = Number.POSITIVE_INFINITY }: StoredFact, now: number) => now - offAt >= topic.overAfterMs;
  /** Whether the topic has taken it. */
  const published = async ({ kind, quiet, sent: _sent, offAt, ...fact }: StoredFact, on: boolean) => {
    if (quiet) return true;
    try {
      await topic.publish({ fact: kind, ...fact, on, at: on ? fact.since : (offAt ?? clock.now()) });
      return true;
    } catch (error) {
      log.error('a fact could not be published', { kind, code: codeOf(error) }, error);
      return false;
    }
  };

  return {
    report: (fact, { quiet, turn = false } = {}) =>
      inOrder(async (known) => {
        const name = factName(fact);
        const now = clock.now();
        const isOther = ([other, { kind, subject, offAt }]: [string, StoredFact]) =>
          turn && other !== name && kind === fact.kind && subject === fact.subject && offAt === undefined;
        const others = Object.entries(known).filter(isOther);
        if (!known[name] || known[name].note !== fact.note || others.length > 0) {
          const first = { ...fact, since: now, sent: false, ...(quiet ? { quiet } : {}) };
          const next = { ...known, [name]: { ...first, sent: await published(first, true) } };
          for (const [other, one] of others) {
            next[other] = { ...one, offAt: now };
            if (await published(next[other], false)) delete next[other];
          }
          await store(next);
        }
        found.set(name, fact);
      }),

    keep: ({ kind, subject }) =>
      inOrder(async (known) => {
        for (const [name, { code, jobId, count, ...fact }] of Object.entries(known))
          if (fact.kind === kind && fact.subject === subject && !found.has(name))
            found.set(name, { kind, subject, code, jobId, count });
      }),

    close: () =>
      inOrder(async (known) => {
        const now = clock.now();
        const next: Record<string, StoredFact> = {};
        let changed = false;
        for (const [name, before] of Object.entries(known)) {
          const { offAt = now, ...on } = before;
          const fact: StoredFact = found.has(name) ? { ...on, ...found.get(name) } : { ...on, offAt };
          const sent = fact.sent || (await published(fact, true));
          const over = sent && isOver(fact, now) && (await published(fact, false));
          if (!over) next[name] = { ...fact, sent };
          // A fact that stays costs no write.
          const { offAt: wasOffAt, count } = before;
          changed ||= over || sent !== before.sent || fact.offAt !== wasOffAt || fact.count !== count;
        }
        if (changed) await store(next);
        return Object.values(next).filter((fact) => !fact.sent || isOver(fact, now)).length;
      }),
  };
}
