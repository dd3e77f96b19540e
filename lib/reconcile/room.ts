import type { ReconcileDeps } from './run';

/** A run may always release this many jobs to a queue, or a queue that is never empty would starve its held jobs. */
export const LEAST = 20;

/** How many held jobs may go back to a queue now. It is measured when the first one goes. */
export interface Room {
  /** Releases one more job, if there is room for it. */
  take(act: () => Promise<void>): Promise<void>;
  /** Half of the room, for the jobs whose wait ended last. So a new job does not wait behind those of an outage. */
  half(): Promise<number>;
  isFull(): boolean;
}

/** The queue's target is twice what its workers take at once (`room` of its settings). `least`: even if it is reached. */
export function createRoom({ queues, queueUrl, settings, random }: ReconcileDeps, queue: string, least: number): Room {
  let measured: Promise<void> | undefined;
  let left = Number.POSITIVE_INFINITY;
  const going = new Set<Promise<void>>();
  const measure = async () => {
    const { visible, inFlight } = await queues.depth(queueUrl(queue));
    left = Math.max(least, settings(queue).room - visible - inFlight);
  };
  const known = () => {
    measured ??= measure();
    return measured;
  };
  return {
    async take(act) {
      await known();
      // A release that fails leaves its place to the next.
      while (left <= 0 && going.size > 0) await Promise.race(going);
      if (left <= 0) return;
      left--;
      const release = act().catch((error: unknown) => {
        left++;
        throw error;
      });
      const end = release.then(ignore, ignore).then(() => void going.delete(end));
      going.add(end);
      await release;
    },
    // An odd number gives one end more, and that end is drawn.
    async half() {
      await known();
      return Math.floor((left + Math.round(random.fraction())) / 2);
    },
    isFull: () => left <= 0 && going.size === 0,
  };
}

const ignore = (): void => {};
