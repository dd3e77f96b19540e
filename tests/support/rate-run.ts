import { type RateUse, type SharedRate, sharedRate } from '../../lib/worker/rate';
import { memoryClock, memoryRandom } from './memory-clock';
import { memoryTable } from './memory-table';

export interface Sent {
  at: number;
  recipients: number;
}

/** How long a worker is busy with its call. */
const CALL_MS = 200;

/**
 * Workers that share a sending rate on a virtual clock. Each one reserves, sleeps, wakes a little late, sends, and is
 * then busy with its call. Single mails come at the given times.
 */
export async function rateRun({
  rate,
  workers,
  chunk,
  chunks,
  messagesAt = [],
  lateMs = () => 0,
}: {
  rate: number;
  workers: number;
  chunk: (n: number) => number;
  chunks: number;
  messagesAt?: number[];
  lateMs?: (until: number, at: number) => number;
}): Promise<{ sent: Sent[]; missed: number }> {
  const clock = memoryClock();
  const start = clock.now();
  const table = memoryTable();
  const random = memoryRandom();
  /** Each worker runs in its own process, and so do all single mails. */
  const process = () => sharedRate({ table, clock, random, rate }, 'sendgrid');
  const sent: Sent[] = [];
  const events: { at: number; act: () => Promise<void> | void }[] = [];
  const plan = (at: number, act: () => Promise<void> | void) => void events.push({ at, act });
  let next = 0;
  let missed = 0;

  interface Request {
    shared: SharedRate;
    use: RateUse;
    recipients: number;
    done: () => void;
  }

  async function ask(request: Request): Promise<void> {
    const { shared, use, recipients, done } = request;
    const again = () => ask(request);
    const answer = await shared.reserve({ recipients, use, withinMs: 80_000 });
    if (answer.kind === 'later') return plan(clock.now() + Math.min(answer.waitMs, 5_000), again);
    const { at, until } = answer.slot;
    plan(at + lateMs(until, at), () => {
      if (clock.now() > until) {
        missed += 1;
        return again();
      }
      sent.push({ at: clock.now(), recipients });
      plan(clock.now() + CALL_MS, done);
    });
  }
  const work = (shared: SharedRate): Promise<void> | undefined => {
    if (next >= chunks) return undefined;
    const done = () => plan(clock.now(), () => work(shared));
    return ask({ shared, use: 'campaign', recipients: chunk(next++), done });
  };

  for (let worker = 0; worker < workers; worker++) {
    const shared = process();
    plan(start, () => work(shared));
  }
  const shared = process();
  for (const at of messagesAt) plan(start + at, () => ask({ shared, use: 'message', recipients: 1, done: () => {} }));
  for (;;) {
    events.sort((a, b) => a.at - b.at);
    const event = events.shift();
    if (!event) return { sent: sent.sort((a, b) => a.at - b.at), missed };
    clock.advance(Math.max(0, event.at - clock.now()));
    await event.act();
  }
}

/** The most that was sent in any window of this length. */
export function busiest(sent: Sent[], windowMs: number): number {
  let most = 0;
  let sum = 0;
  let from = 0;
  for (const each of sent) {
    sum += each.recipients;
    while ((sent[from]?.at ?? 0) <= each.at - windowMs) sum -= sent[from++]?.recipients ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}
