import { StoreError } from '../../../lib/errors';
import type { AcceptedMail } from '../../../packages/local/fakes/sendgrid';
import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { codeOf } from './code';
import type { World } from './types';

/** Delay of SendGrid's event: before our call is answered, soon after it, or much later. */
const DELAYS_MS = [20, 3_000, 60_000, 1_200_000] as const;
/** One event in this many never comes. */
const SILENT = 5;
const AGAIN_MS = 30_000;

/** Delivers the events of accepted mails, each in a new process, and repeats them until they are stored. */
export function startEvidence(world: World): void {
  world.onMails.push((mails) => deliverEvents(world, mails));
}

function deliverEvents(world: World, mails: readonly AcceptedMail[]): void {
  const { chance, kernel, pending, trouble, reach, vendors } = world;
  if (chance.between(1, SILENT) === 1) return;
  // A repeated event has the same bytes.
  const events = mails.flatMap((mail) => eventsOf(mail, 'delivered', kernel.now()));
  const delivery = {};
  pending.add(delivery);
  kernel.setTimeout(deliver, chance.pick(DELAYS_MS));

  function deliver(): void {
    trouble();
    reach('event of a mail');
    const again = () => kernel.setTimeout(deliver, AGAIN_MS);
    const process = world.spawn({ name: 'events', timeoutMs: 30_000, ended: again });
    codeOf(world, process)
      .takeEvents(events)
      .then(
        () => {
          if (!process.alive) return;
          world.exit(process);
          trouble();
          for (const mail of mails) vendors.reported.add(mail);
          pending.delete(delivery);
        },
        (error: unknown) => {
          if (!process.alive) return;
          world.exit(process);
          if (!(error instanceof StoreError)) world.watch.violated(`taking an event threw ${String(error)}`);
          again();
        },
      );
  }
}
