import type { Timers } from '../../../packages/local/event-source-mapping';

export interface Event {
  time: number;
  run: (() => void) | undefined;
}

/** Virtual time in milliseconds since 1970. It stands still while code runs and jumps to the next event. */
export interface Kernel extends Timers {
  setTimeout(callback: () => void, ms: number): Event;
  /** Events at the same time run in the order in which they were scheduled. */
  at(time: number, run: () => void): Event;
  cancel(event: Event | undefined): void;
  /** Runs one event after another with all its microtasks, until `done` answers true or no event is left. */
  run(done: () => boolean): Promise<void>;
}

export function createKernel(start: number): Kernel {
  const events: Event[] = [];
  let now = start;

  const at = (time: number, run: () => void): Event => {
    const event = { time: Math.max(now, time), run };
    insert(events, event);
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
    run: async (done) => {
      while (runNext()) {
        // The code awaits only simulated promises. They resolve in microtasks or by a later event. Node runs `nextTick`
        // callbacks after all microtasks. Unlike setImmediate they do not poll the operating system.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        if (done()) return;
      }
    },
  };

  /** Runs the next event that is not cancelled. Answers whether there was one. */
  function runNext(): boolean {
    for (let event = events.pop(); event; event = events.pop()) {
      if (!event.run) continue;
      now = event.time;
      event.run();
      return true;
    }
    return false;
  }
}

/** Puts an event into the list, whose last event is the next one. Most new events are soon, so few others move. */
function insert(events: Event[], event: Event): void {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle] as Event).time > event.time) low = middle + 1;
    else high = middle;
  }
  events.splice(low, 0, event);
}
