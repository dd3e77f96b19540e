import type { Timers } from '../../../lib/local/timers';

export interface Event {
  time: number;
  /** Order of scheduling: what is due at the same time runs in it. */
  sequence: number;
  run: (() => void) | undefined;
}

/** Virtual time, in milliseconds since 1970: it stands still while code runs and jumps to the next event. */
export interface Kernel extends Timers {
  setTimeout(callback: () => void, ms: number): Event;
  at(time: number, run: () => void): Event;
  cancel(event: Event | undefined): void;
  /** Runs one event after another, each with all that follows from it, until `done` or nothing is left. */
  run(done: () => boolean): Promise<void>;
}

export function createKernel(start: number): Kernel {
  const heap: Event[] = [];
  let now = start;
  let sequence = 0;

  const at = (time: number, run: () => void): Event => {
    const event = { time: Math.max(now, time), sequence: sequence++, run };
    push(heap, event);
    return event;
  };
  const cancel = (event: Event | undefined): void => {
    if (event) event.run = undefined;
  };
  return {
    now: () => now,
    at,
    cancel,
    // Clocks show whole milliseconds, and a timer is never early.
    setTimeout: (callback, ms) => at(now + Math.ceil(ms), callback),
    clearTimeout: (handle) => cancel(handle as Event | undefined),
    run: async (done) => {
      for (let event = pop(heap); event; event = pop(heap)) {
        const { run, time } = event;
        if (!run) continue;
        now = time;
        run();
        // Everything that code awaits in here is a promise of ours: it settles by microtasks alone, or by an event.
        await settled();
        if (done()) return;
      }
    },
  };
}

/** Node runs this only when no microtask is left, and does not ask the operating system for news as setImmediate does. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

const before = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.sequence < b.sequence);

/** A binary heap: the earliest event is the first entry. */
function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Event;
    if (!before(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
    if (!before(heap[child] as Event, last)) break;
    heap[index] = heap[child] as Event;
    index = child;
  }
  heap[index] = last;
  return first;
}
