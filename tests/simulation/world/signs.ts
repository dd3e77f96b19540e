import { StoreError } from '../../../lib/errors';
import { eventsOf } from '../../../lib/local/fakes/sendgrid-events';
import type { AcceptedMail } from '../../../lib/local/fakes/sendgrid-model';
import { codeOf } from './code';
import type { World } from './world';

/** When a vendor tells of what it has done: before our call is answered, soon after, or much later. */
const DELAYS_MS = [20, 3_000, 60_000, 1_200_000] as const;
/** How often it does not tell at all, one in so many. */
const SILENT = 5;
const AGAIN_MS = 30_000;

/** Lets the events of accepted mails come, to a process of its own each time, again until they are taken. */
export function startSigns(world: World): void {
  world.onMails.push((mails) => tellOf(world, mails));
}

function tellOf(world: World, mails: readonly AcceptedMail[]): void {
  const { chance, kernel, pending, trouble, reach, vendors } = world;
  if (chance.between(1, SILENT) === 1) return;
  // A repeat is the same to the byte.
  const events = mails.flatMap((mail) => eventsOf(mail, 'delivered', kernel.now()));
  const sign = {};
  pending.add(sign);
  kernel.setTimeout(tell, chance.pick(DELAYS_MS));

  function tell(): void {
    trouble();
    reach('sign of a mail');
    const again = () => kernel.setTimeout(tell, AGAIN_MS);
    const process = world.spawn({ name: 'events', timeoutMs: 30_000, ended: again });
    codeOf(world, process)
      .takeEvents(events)
      .then(
        () => {
          if (!process.alive) return;
          world.exit(process);
          trouble();
          for (const mail of mails) vendors.told.add(mail);
          pending.delete(sign);
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
