import type { Timers } from '../../../packages/local/sqs/server';

export interface Event {
  time: number;
  /** Events at the same time run in the order in which they were scheduled. */
  sequence: number;
  run: (() => void) | undefined;
}

/** Virtual time in milliseconds since 1970. It stands still while code runs and jumps to the next event. */
export interface Kernel extends Timers {
  setTimeout(callback: () => void, ms: number): Event;
  at(time: number, run: () => void): Event;
  cancel(event: Event | undefined): void;
  /** Runs one event after another with all its microtasks, until `done` answers true or no event is left. */
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
    // A clock shows whole milliseconds, and a timer never fires early.
    setTimeout: (callback, ms) => at(now + Math.ceil(ms), callback),
    clearTimeout: (handle) => cancel(handle as Event | undefined),
    run: (done) =>
      new Promise((resolve, reject) => {
        const step = () => {
          try {
            if (!runNext()) return resolve();
            // The code awaits only simulated promises. They resolve in microtasks or by a later event. Node runs
            // `nextTick` callbacks after all microtasks. Unlike setImmediate they do not poll the operating system.
            process.nextTick(afterwards);
          } catch (error) {
            reject(error);
          }
        };
        const afterwards = () => {
          try {
            if (done()) resolve();
            else queueMicrotask(step);
          } catch (error) {
            reject(error);
          }
        };
        step();
      }),
  };

  /** Runs the next event that is not cancelled. Answers whether there was one. */
  function runNext(): boolean {
    for (let event = pop(heap); event; event = pop(heap)) {
      if (!event.run) continue;
      now = event.time;
      event.run();
      return true;
    }
    return false;
  }
}

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
