import { todoKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import type { ReconcileDeps } from './deps';
import { keepReleases, measure } from './throughput';

/** So many jobs of one kind a run may always release: a queue that is never empty starves no held job. */
const FLOOR = 20;
/** A job that came a moment ago and had to wait goes before those that an outage left behind, which get the rest. */
const NEWEST_PART = 0.75;
/** Work for the time in which the reconciler does something else. */
const AHEAD_MS = 15_000;

/**
 * How many held jobs a run sends back to their queue: about as many as it does in a minute, spread over the time for
 * which the run stays. A new job waits little behind them, and a vendor is not asked for more than it takes.
 */
export interface Pace {
  /** For jobs that have this `todo`. */
  turn(queue: string, todo: string): Turn;
  /** A job, as it was held, was sent to its queue. */
  released(row: JobRow): void;
  /** Stores what the next run measures by. */
  keep(): Promise<void>;
}

export interface Turn {
  /** Releases one more job, if there is room for it. */
  release(act: () => Promise<void>): Promise<void>;
  /** `for now`: there will be room again before the run ends. */
  full(): 'no' | 'for now' | 'yes';
  /** The part of the room that is for the jobs whose wait ended last. */
  forNewest(): Promise<number>;
  /** Rejects where the room could not be measured: no more was released then than always may be. */
  end(): Promise<void>;
}

/** What a run does for one queue. */
interface QueueRun {
  sent: number;
  /** Of those, sent once more: they came back in this run. */
  sentAgain: number;
  /** By how many fewer of the jobs that waited when it was measured still wait. */
  fewer: number;
  /** Of the whole run. */
  room: number | undefined;
  measured?: ReturnType<typeof measure>;
  turns: Map<string, Turn>;
}

/** `until`: the end of the time over which releases are spread. */
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

  /** Of the room of a whole run, what it may have used by now. */
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
          // It waits for its next try now.
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

    released({ queue, updatedAt, todoAt = 0 }) {
      const run = runOf(queue);
      run.sent++;
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
