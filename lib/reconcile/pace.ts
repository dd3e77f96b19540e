import { todoKey } from '../jobs/keys';
import { type JobRow, waitsForItsTime } from '../jobs/row';
import type { ReconcileDeps } from './deps';
import { keepReleases, measure } from './throughput';

/** A run may always release this many jobs of one kind, or a queue that is never empty would starve them. */
const FLOOR = 20;
/** The newest jobs' part of the room. After a short wait they go before jobs that an outage left behind. */
const NEWEST_PART = 0.75;
/** The reconciler releases enough work to cover the time in which it does something else. */
const AHEAD_MS = 15_000;

/**
 * Decides how many held jobs a run sends back to their queue: about what the queue does in a minute, spread over the
 * time that the run stays. New jobs wait only briefly behind them, and a vendor gets no more calls than it takes.
 */
export interface Pace {
  /** The turn for jobs that have this `todo`. */
  turn(queue: string, todo: string): Turn;
  /** Notes that a job was sent to its queue. The row is the one from before the release. */
  released(row: JobRow): void;
  /** Stores the measurement for the next run. */
  keep(): Promise<void>;
}

export interface Turn {
  /** Releases one more job, if there is room for it. */
  release(act: () => Promise<void>): Promise<void>;
  /** `for now`: the queue gets more room before the run ends. */
  full(): 'no' | 'for now' | 'yes';
  /** The part of the room for the jobs whose wait ended last. */
  forNewest(): Promise<number>;
  /** Rejects if the room could not be measured. In that case only the guaranteed number of jobs was released. */
  end(): Promise<void>;
}

/** What a run does for one queue. */
interface QueueRun {
  sent: number;
  /** Sent jobs that had come back in this same run. */
  sentAgain: number;
  /** How many jobs stopped waiting since the measurement. */
  fewer: number;
  /** The room for the whole run. */
  room: number | undefined;
  measured?: ReturnType<typeof measure>;
  turns: Map<string, Turn>;
}

/** `until`: the end of the time over which the releases are spread. */
export function createPace(deps: ReconcileDeps, { until }: { until: number }): Pace {
  const { clock } = deps;
  const begun = clock.now();
  const runs = new Map<string, QueueRun>();

  function runOf(queue: string): QueueRun {
    const known = runs.get(queue);
    if (known) return known;
    const run = { sent: 0, sentAgain: 0, fewer: 0, room: undefined, turns: new Map<string, Turn>() };
    runs.set(queue, run);
    return run;
  }

  /** How much of a run's whole room may be used up to now. */
  const byNow = (room: number): number =>
    until <= begun ? room : Math.ceil(room * Math.min(1, (clock.now() - begun + AHEAD_MS) / (until - begun)));

  async function roomOf(queue: string, run: QueueRun): Promise<number> {
    run.measured ??= measure(deps, { queue, sent: run.sent });
    run.room ??= await run.measured.then(
      ({ room }) => room,
      () => 0,
    );
    return byNow(run.room);
  }

  function newTurn(queue: string, todo: string, run: QueueRun): Turn {
    let own = 0;
    return {
      async release(act) {
        if (own >= FLOOR && run.sent >= (await roomOf(queue, run))) return;
        try {
          await act();
          own++;
        } catch (error) {
          // The job now waits for its next try.
          if (todo === todoKey(queue, 'held')) run.fewer--;
          throw error;
        }
      },
      full() {
        if (own < FLOOR || run.room === undefined || run.sent < byNow(run.room)) return 'no';
        return run.sent < run.room ? 'for now' : 'yes';
      },
      forNewest: async () => Math.ceil(Math.max(FLOOR, (await roomOf(queue, run)) - run.sent) * NEWEST_PART),
      end: async () => void (await run.measured),
    };
  }

  return {
    turn(queue, todo) {
      const run = runOf(queue);
      const turn = run.turns.get(todo) ?? newTurn(queue, todo, run);
      run.turns.set(todo, turn);
      return turn;
    },

    released(row) {
      const { queue, updatedAt, todoAt = 0 } = row;
      const run = runOf(queue);
      run.sent++;
      // Planned jobs do not count as waiting (throughput.ts).
      if (waitsForItsTime(row)) return;
      if (updatedAt >= begun) run.sentAgain++;
      else if (todoAt >= begun) run.fewer++;
    },

    async keep() {
      for (const { measured, sent, sentAgain, fewer } of runs.values()) {
        const found = await measured?.catch(() => undefined);
        if (found) await keepReleases(deps, found.releases, { released: sent - sentAgain, fewer });
      }
    },
  };
}
