/** A clock that moves only when a test advances it. */
export function controlledClock(start = Date.UTC(2026, 0, 15, 10)) {
  let now = start;
  const timers = new Set<{ at: number; callback: () => void }>();

  const next = () => [...timers].sort((a, b) => a.at - b.at)[0];

  return {
    now: () => now,
    setTimeout(callback: () => void, ms: number) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout(handle: unknown) {
      timers.delete(handle as { at: number; callback: () => void });
    },
    /** Lets time pass and runs the timers of that time in order. */
    advance(ms: number) {
      const end = now + ms;
      for (let timer = next(); timer && timer.at <= end; timer = next()) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
      }
      now = end;
    },
    /** The time of the next timer; `undefined` if none is set. */
    nextAt: () => next()?.at,
  };
}
