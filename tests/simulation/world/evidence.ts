import { StoreError } from '../../../lib/platform/errors';
import { groupBy } from '../../../lib/platform/group-by';
import { takeEvents } from '../../../lib/queues/emails/events/webhook';
import { type AcceptedMail, eventsOf } from '../../../packages/local/fakes/sendgrid';
import { BAD_LIST, BOUNCES, REPORTS } from '../vendors/vendors';
import { later, sleep } from './acts';
import { outside } from './code';
import { INSTANCE } from './names';
import type { World } from './types';

/** Delay of SendGrid's event: before our call is answered, soon after it, or much later. */
const DELAYS_MS = [20, 3_000, 60_000, 1_200_000] as const;
/** One event in this many never comes. */
const SILENT = 5;
const AGAIN_MS = 30_000;

/** Of mails to a bad list, also hours later. */
const LATE_MS = [...DELAYS_MS, 10_800_000] as const;

interface Told {
  mail: AcceptedMail;
  event: string;
}

/** Delivers the events of accepted mails, each in a new process, and repeats them until they are stored. */
export function startEvidence(world: World): void {
  world.onMails.push((mails) => deliverEvents(world, mails));
}

function deliverEvents(world: World, mails: readonly AcceptedMail[]): void {
  const { chance } = world;
  if (chance.between(1, SILENT) === 1) return;
  if (!mails.some(({ to }) => to[0]?.includes(BAD_LIST))) {
    const told = mails.map((mail) => ({ mail, event: 'delivered' }));
    startDelivery(world, told, { delayMs: chance.pick(DELAYS_MS) });
    return;
  }
  // In parts, in any order, and some of them twice.
  const told = mails.flatMap((mail) => fateOf(world, mail).map((event) => ({ mail, event })));
  for (const part of groupBy(told, () => chance.pick([1, 2, 3])).values())
    startDelivery(world, part, { delayMs: chance.pick(LATE_MS), repeats: chance.between(0, 1) });
}

function fateOf({ chance }: World, { to: [address = ''] }: AcceptedMail): string[] {
  if (address.includes(BOUNCES)) return chance.pick([['bounce'], ['delivered', 'bounce']]);
  if (address.includes(REPORTS)) return ['delivered', 'spamreport'];
  return chance.pick([['delivered'], ['deferred', 'delivered']]);
}

function startDelivery(
  world: World,
  told: readonly Told[],
  { delayMs, repeats = 0 }: { delayMs: number; repeats?: number },
): void {
  const { kernel, trouble, reach, vendors } = world;
  // A repeated event has the same bytes.
  const events = told.flatMap(({ mail, event }) => eventsOf(mail, event, kernel.now()));
  /** Resolves to whether the events are stored. */
  const deliver = async () => {
    trouble();
    reach('event of a mail');
    const webhook = { name: 'events', timeoutMs: 30_000, expects: [StoreError] };
    const { error, died } = await outside(world, webhook, (deps) =>
      takeEvents({ ...deps, instance: INSTANCE }, events),
    );
    if (error || died !== undefined) return false;
    trouble();
    for (const { mail, event } of told)
      vendors.reported.set(mail, (vendors.reported.get(mail) ?? new Set()).add(event));
    return true;
  };
  later(world, delayMs, async () => {
    for (let left = repeats + 1; left > 0; ) {
      if (await deliver()) left -= 1;
      if (left > 0) await sleep(world, AGAIN_MS);
    }
  });
}
