import { type RateUse, type SharedRate, sharedRate } from '../../lib/mail/rate';
import { createKernel } from '../simulation/world/kernel';
import { memoryRandom } from './memory-clock';
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
export async function rateRun(given: {
  rate: number;
  workers: number;
  chunk: (n: number) => number;
  chunks: number;
  messagesAt: number[];
  lateMs: (until: number, at: number) => number;
}): Promise<{ sent: Sent[]; missed: number }> {
  const start = Date.UTC(2026, 0, 2);
  const { now, at: wakeAt, run } = createKernel(start);
  const sleepUntil = (until: number) => new Promise<void>((wake) => void wakeAt(until, wake));
  const clock = { now, sleep: (ms: number) => sleepUntil(now() + ms) };
  const ports = { table: memoryTable(), clock, random: memoryRandom(), rate: given.rate };
  const sent: Sent[] = [];
  let next = 0;
  let missed = 0;

  async function send(shared: SharedRate, use: RateUse, recipients: number): Promise<void> {
    const answer = await shared.reserve({ recipients, use, withinMs: 80_000 });
    if (answer.kind === 'later') {
      await sleepUntil(now() + Math.min(answer.waitMs, 5_000));
      return send(shared, use, recipients);
    }
    const { at, until } = answer.slot;
    await sleepUntil(at + given.lateMs(until, at));
    if (now() > until) {
      missed += 1;
      return send(shared, use, recipients);
    }
    sent.push({ at: now(), recipients });
  }
  async function work(shared: SharedRate): Promise<void> {
    await sleepUntil(start);
    while (next < given.chunks) {
      await send(shared, 'campaign', given.chunk(next++));
      await sleepUntil(now() + CALL_MS);
    }
  }

  // Each worker runs in its own process, and so do all single mails.
  const process = () => sharedRate(ports, 'sendgrid');
  for (let n = 0; n < given.workers; n++) void work(process());
  const mails = process();
  for (const at of given.messagesAt) void sleepUntil(start + at).then(() => send(mails, 'message', 1));
  await run(() => false);
  return { sent: sent.sort((a, b) => a.at - b.at), missed };
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
