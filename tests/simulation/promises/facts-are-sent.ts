import { factsKey } from '../../../lib/engine/jobs/keys';
import { type FactMessage, factName, type StoredFact } from '../../../lib/engine/reconcile/facts';
import type { World } from '../world/types';

/**
 * Checks the facts at any moment. A fact that counts as sent has been published, and what happens once is sent or kept
 * to be sent before it happens. A fact may be sent twice.
 */
export function watchFacts(world: World): void {
  const { watch, onItem, onRow, onFact, plan, reach } = world;
  if (!plan.facts) return;
  const published = new Set<string>();
  const stored = () => (watch.items.get(factsKey)?.facts ?? {}) as Record<string, StoredFact>;
  onFact.push((message: FactMessage) => {
    if (message.on) published.add(factName({ ...message, kind: message.fact }));
    reach(`fact ${message.fact} ${message.on ? 'sent' : 'over'}`);
  });
  onItem.push(({ key }) => {
    if (key !== factsKey) return;
    for (const [name, { sent, quiet }] of Object.entries(stored()))
      if (sent && !quiet && !published.has(name))
        watch.violated(`everything explained: the fact ${name} was never sent`);
  });
  onRow.push(({ id, queue, state, reason, endedAt }, before) => {
    // Later notes on this end are about something else.
    const isKnown = before?.reason === reason && before?.endedAt === endedAt;
    if (state !== 'dead' || reason !== 'expired' || isKnown) return;
    if (!(factName({ kind: 'jobs-expired', subject: queue }) in stored()))
      watch.violated(`everything explained: ${id} expired, and no fact says so`);
  });
}
