import { type Fact, type FactMessage, factName, type StoredFact, type StoredFacts, storedFacts } from '../alarms/fact';
import { codeOf } from '../errors';
import { factsKey } from '../jobs/keys';
import { type ItemDeps, updateItem } from '../jobs/ledger';
import type { Log } from '../ports';

export interface Topic {
  publish(fact: FactMessage): Promise<void>;
  /** A fact that was off for this time is over, and is told again when it comes back. */
  overAfterMs: number;
  /** From how many DLQ entries on the alarm about the queue's DLQ fires. */
  dlqDepth: (queue: string) => number;
}

export interface Teller {
  /**
   * Tells a fact, unless it is told already. Call it before the effect that it is about: a run that dies after it tells
   * the fact twice, and never not at all. `quiet`: only keep it, because an alarm of CloudWatch tells the same.
   */
  tell(fact: Fact, options?: { quiet?: boolean }): Promise<void>;
  /** Leaves the facts of this kind and subject on. The run could not look for all of them. */
  keep(about: Pick<Fact, 'kind' | 'subject'>): Promise<void>;
  /** Tells what could not be told before, and what is over. Returns how many messages the topic has not taken. */
  close(): Promise<number>;
}

/**
 * It publishes, then stores. A fact that the topic does not take is stored as not told, and every run tries again. Only
 * a fact's first message and its end are published, however often runs find it in between.
 */
export function createTeller(deps: ItemDeps & { log: Log; topic?: Topic | undefined }): Teller {
  const { topic, clock, log } = deps;
  if (!topic) return { tell: async () => {}, keep: async () => {}, close: async () => 0 };
  const found = new Map<string, Fact>();
  let facts: Record<string, StoredFact> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const isOver = ({ offAt = Number.POSITIVE_INFINITY }: StoredFact, now: number) => now - offAt >= topic.overAfterMs;

  /** Two kinds of work may find facts at the same time. */
  function inTurn<R>(work: (known: Record<string, StoredFact>) => Promise<R>): Promise<R> {
    const result = turn
      .catch(() => {})
      .then(async () => {
        facts ??= await storedFacts(deps);
        return work(facts);
      });
    turn = result;
    return result;
  }

  async function store(next: Record<string, StoredFact>): Promise<void> {
    await updateItem<StoredFacts>(deps, factsKey, (stored) => ({
      ...{ key: factsKey, version: stored?.version ?? 0, writer: '' },
      facts: next,
    }));
    facts = next;
  }

  const published = ({ kind, quiet, told: _told, offAt, ...fact }: StoredFact, on: boolean): Promise<boolean> =>
    quiet
      ? Promise.resolve(true)
      : topic.publish({ fact: kind, ...fact, on, at: on ? fact.since : (offAt ?? clock.now()) }).then(
          () => true,
          (error: unknown) => {
            log.error('a fact could not be published', { kind, code: codeOf(error) });
            return false;
          },
        );

  return {
    tell: (fact, { quiet } = {}) =>
      inTurn(async (known) => {
        const name = factName(fact);
        if (!known[name]) {
          const first = { ...fact, since: clock.now(), told: false, ...(quiet ? { quiet } : {}) };
          await store({ ...known, [name]: { ...first, told: await published(first, true) } });
        }
        found.set(name, fact);
      }),

    keep: ({ kind, subject }) =>
      inTurn(async (known) => {
        for (const [name, { code, jobId, count, ...fact }] of Object.entries(known))
          if (fact.kind === kind && fact.subject === subject && !found.has(name))
            found.set(name, { kind, subject, code, jobId, count });
      }),

    close: () =>
      inTurn(async (known) => {
        const now = clock.now();
        const next: Record<string, StoredFact> = {};
        let changed = false;
        for (const [name, before] of Object.entries(known)) {
          const { offAt = now, ...on } = before;
          const fact: StoredFact = found.has(name) ? { ...on, ...found.get(name) } : { ...on, offAt };
          const told = fact.told || (await published(fact, true));
          const over = told && isOver(fact, now) && (await published(fact, false));
          if (!over) next[name] = { ...fact, told };
          // A fact that stays costs no write.
          const { offAt: wasOffAt, count } = before;
          changed ||= over || told !== before.told || fact.offAt !== wasOffAt || fact.count !== count;
        }
        if (changed) await store(next);
        return Object.values(next).filter((fact) => !fact.told || isOver(fact, now)).length;
      }),
  };
}
