import { setMaxListeners } from 'node:events';
import * as z from 'zod';
import { valid } from '../../lib/engine/submit/options';
import { endsBy } from '../../lib/platform/concurrency';
import { StoreError } from '../../lib/platform/errors';
import type { Clock } from '../../lib/platform/ports';

/** As many as the AWS SDK has sockets for a service. With more, its time-outs would count the wait for a socket. */
export const AT_ONCE = 50;
/** More that wait would only fill the memory, because their time-outs pass first. */
const MOST_WAITING = 10_000;
const TIMEOUT_MS = 10_000;

export const callLimits = z.strictObject({
  signal: z
    .custom<AbortSignal>((given) => given instanceof AbortSignal, 'must be an AbortSignal')
    .optional()
    .describe('Ends the call early.'),
  timeoutMs: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .optional()
    .describe('Milliseconds until the call ends, its wait for a turn included. By default 10000.'),
});

/**
 * When a call ends before its answer. It then rejects with a StoreError: `Producer.NotSent` if it changed nothing, and
 * `Producer.Unknown` if it was under way. A job of the second may be accepted, and a repeat with its key finds it.
 */
export type CallLimits = z.input<typeof callLimits>;

/** Gives out `most` places, first come, first served. */
export function createTurns(most: number) {
  const waiting = new Set<() => void>();
  let taken = 0;
  const leave = (): void => {
    taken -= 1;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next);
    taken += 1;
    next();
  };
  return {
    waiting: () => waiting.size,
    /**
     * Does something when it has a place. `over` ends the wait, and then nothing is done. The place is free again when
     * all that the act has `left` behind is over too.
     */
    async inTurn<T>(act: () => Promise<T>, over?: AbortSignal, left: Promise<unknown>[] = []): Promise<T> {
      over?.throwIfAborted();
      if (taken < most) taken += 1;
      else
        await new Promise<void>((enter, reject) => {
          waiting.add(enter);
          over?.addEventListener('abort', () => waiting.delete(enter) && reject(over.reason));
        });
      return act().finally(() => void Promise.allSettled(left).then(leave));
    },
  };
}

/** A call of the API, from its wait for a turn to its answer. */
export interface Call {
  /**
   * Makes one call to AWS, unless the API's call is over. `effect` names what it changes, if anything: after that, the
   * outcome is unknown.
   */
  during<T>(act: () => Promise<T>, effect?: unknown): Promise<T>;
  /** Aborted when the call is over before its answer. Its reason says why. */
  over: AbortSignal;
}

/** The limits among the options of a call, and the other options. Throws an InvalidJobError. */
export function limitsOf(options: unknown): { limits: CallLimits; rest: unknown } {
  if (typeof options !== 'object' || options === null) return { limits: {}, rest: options };
  const { signal, timeoutMs, ...rest } = options as CallLimits;
  if (signal === undefined && timeoutMs === undefined) return { limits: {}, rest };
  return { limits: valid(callLimits, { signal, timeoutMs }, 'options'), rest };
}

/**
 * The calls of a client. Fifty are under way, and the rest waits. A burst of sends thus costs no more memory, time-outs or
 * CPU than as many lanes.
 */
export function createCalls(clock: Clock) {
  const turns = createTurns(AT_ONCE);
  const underWay = new Map<Promise<unknown>, (why: string) => void>();

  async function run<T>(limits: CallLimits, act: (call: Call) => Promise<T>): Promise<T> {
    if (turns.waiting() >= MOST_WAITING) throw notSent(`${MOST_WAITING} other calls wait for their turn`);
    const { signal: given, timeoutMs = TIMEOUT_MS } = limits;
    const ending = new AbortController();
    const done = new AbortController();
    const over = ending.signal;
    let waits = true;
    const end = (why: string) => ending.abort(waits ? `${why} while it waited for its turn` : why);
    const abort = () => end('its caller aborted it');
    if (given?.aborted) abort();
    setMaxListeners(0, over, ...(given ? [given] : []));
    given?.addEventListener('abort', abort);
    void clock.sleep(timeoutMs, done.signal).then(() => {
      // What goes on after the answer must not end with it.
      if (!done.signal.aborted) end(`its time-out of ${timeoutMs} ms passed`);
    });
    const left: Promise<unknown>[] = [];
    const begin = () => {
      waits = false;
      return act(callUntil(over, left));
    };
    const ended = turns.inTurn(begin, over, left);
    underWay.set(ended, end);
    try {
      return await ended;
    } catch (error) {
      throw waits ? notSent(over.reason) : error;
    } finally {
      underWay.delete(ended);
      given?.removeEventListener('abort', abort);
      // Without a reason, an abort makes an error with a stack.
      done.abort('done');
    }
  }

  return {
    run,
    /** Resolves when no call is under way. Those that are left at `deadline` (ms) end then. */
    async end(deadline: number): Promise<void> {
      const all = Promise.allSettled(underWay.keys());
      if (!(await endsBy(clock, deadline, all))) for (const stop of underWay.values()) stop('its producer was closed');
    },
  };
}

/** `left` gets the calls to AWS that this call no longer waits for. */
function callUntil(over: AbortSignal, left: Promise<unknown>[]): Call {
  const begun = new Set<unknown>();
  return {
    over,
    async during<T>(act: () => Promise<T>, effect?: unknown) {
      const stopped = () => (begun.has(effect) ? unknown : notSent)(over.reason);
      if (over.aborted) throw stopped();
      if (effect !== undefined) begun.add(effect);
      const made = act();
      return new Promise<T>((resolve, reject) => {
        const stop = () => {
          left.push(made);
          reject(stopped());
        };
        over.addEventListener('abort', stop);
        void made.then(resolve, reject).finally(() => over.removeEventListener('abort', stop));
      });
    },
  };
}

export const notSent = (why: string) =>
  new StoreError({ code: 'Producer.NotSent', message: `the call changed nothing: ${why}` });

const unknown = (why: string) =>
  new StoreError({ code: 'Producer.Unknown', message: `the call may have taken effect: ${why} after it was sent` });
