import * as z from 'zod';
import { type ItemDeps, readItem, renewable, type Stored, time } from '../../engine/jobs/items';
import { jobKey, personKey } from '../../engine/jobs/keys';
import type { HashPeople } from '../../engine/jobs/person-hash';
import type { JobRow, Step } from '../../engine/jobs/row';
import { OBJECT_LIFETIME_MS } from '../../engine/jobs/schedule';
import { type Job, LONGEST_CALL_MS } from '../../engine/worker/contract';
import { VerdictError, WaitError } from '../../platform/errors';
import { TESTFLIGHT_QUEUE } from './queue';

/** SQS's sequence numbers have more digits than a number holds. */
const bySequence = (a: string, b: string): number => Number(BigInt(a) - BigInt(b));

/*
 * Of two commands about one tester of one app, the later accepted one wins, however long the earlier one was held or
 * dead in between (docs/testflight.md, "Which command counts").
 *
 * A command's place is SQS's sequence number of its job's first message. SQS numbers the messages of a message group
 * (here an app) in the order in which it accepts them, so no clock of a producer counts. The producer writes the
 * number into the row; for a program that writes no row, the first delivery has it. Releases, returns and retries send new
 * messages and do not change the place.
 *
 * The first run of a command adds it to the item of its tester. Before each effect, a run reads that item again. While
 * an earlier command is held, a later one may run. If the earlier one has an unanswered call, that call may still take
 * effect, so the later one waits until Apple shows all effects of such calls.
 */

/** What a command changes. Without `groups` it removes the tester from the whole app. */
export interface Wanted {
  member: boolean;
  groups?: readonly string[] | undefined;
}

const commandSchema = z.object({
  job: z.string(),
  place: z.string(),
  member: z.boolean(),
  groups: z.array(z.string()).readonly().optional(),
});
type Command = z.infer<typeof commandSchema>;

/** The commands about one tester of one app, without those that later ones cover. Its key has a hash of the tester. */
const commandLists = renewable(
  {
    commands: z.array(commandSchema),
    /** Until this time an unanswered call of an earlier command may take effect, in ms since 1970. */
    settledAt: time,
  },
  { commands: [], settledAt: 0 },
);
type CommandList = Stored<typeof commandLists>;

type About = Pick<Job<{ app: string; email: string }>, 'id' | 'data' | 'row'>;

export type Commands = ReturnType<typeof createCommands>;

/** `settleAfterMs`: how long after an unanswered call Apple may first show its effect. */
type Deps = ItemDeps & { hashPeople: HashPeople; settleAfterMs: number };

export function createCommands(deps: Deps) {
  return {
    /** Until when a started step may show its effect, in ms since 1970. The row does not say when its calls were made. */
    showsUntil: (step: Pick<Step, 'startedAt'>, calls: number): number => showsUntil(deps, step, calls),
    /** Stores a command unless it is stored already. Returns it as far as no later command replaced it. */
    begin: async ({ id: job, data: { app, email }, row }: About, wanted: Wanted) => {
      const { groups = [] } = wanted;
      // A worker may claim the job before its producer writes the first message's number. A producer without an answer
      // for that message knows only a later number.
      const known = [row.firstSequence, row.deliveries[0]?.sequence].filter((one) => one !== undefined);
      const [place] = known.sort(bySequence);
      if (place === undefined) return { left: async (_step?: Step) => groups };
      const command = { job, place, ...wanted };
      // Operators see keys, and must not see addresses there.
      const [written, ...earlier] = (await deps.hashPeople())(`${app}:${email.toLowerCase()}`);
      const keys = [keyOf(written), ...earlier.map(keyOf)] as const;
      await add(deps, keys, command);
      return {
        /**
         * The groups that the command still decides, none for the whole app. Throws a VerdictError if a later
         * command replaced it, and a WaitError while a call of an earlier command may still take effect. Call it before
         * each effect. `step`: the effect's step so far. A step that makes no more calls needs no check.
         */
        left: async (step?: Step): Promise<readonly string[]> => {
          if (step !== undefined && step.status !== 'started') return groups;
          const known = await read(deps, keys);
          const left = remaining(command, known.commands);
          if ('by' in left) throw new VerdictError('superseded', { by: left.by });
          const waitMs = known.settledAt - deps.clock.now();
          if (waitMs <= 0) return left.groups;
          throw new WaitError({
            code: 'EarlierMayShow',
            message: 'a call of an earlier command about this tester may still take effect',
            waitMs,
          });
        },
      };
    },
  };
}

const showsUntil = ({ settleAfterMs }: Deps, { startedAt }: Pick<Step, 'startedAt'>, calls: number): number =>
  startedAt + calls * LONGEST_CALL_MS + settleAfterMs;

/** When the unanswered calls of a command have taken effect. */
async function settledAt(deps: Deps, { job, groups = [] }: Command): Promise<number> {
  // Another job's row may be damaged or gone, and that must not stop this one.
  const row = (await readItem(deps, jobKey(TESTFLIGHT_QUEUE, job))) as Partial<JobRow> | undefined;
  const open = Object.values(row?.steps ?? {}).filter((step) => step?.status === 'started' && step.startedAt > 0);
  return Math.max(0, ...open.map((step) => showsUntil(deps, step, Math.max(1, groups.length))));
}

/** Reads the items under the present key of hashes and under earlier ones. */
async function read(deps: Deps, keys: readonly string[]) {
  const items = await Promise.all(keys.map((key) => commandLists.read(deps, key)));
  return {
    stored: items[0],
    commands: items.flatMap((item) => item?.commands ?? []),
    settledAt: Math.max(0, ...items.map((item) => item?.settledAt ?? 0)),
  };
}

async function add(deps: Deps, keys: readonly [string, ...string[]], command: Command): Promise<void> {
  const known = await read(deps, keys);
  const isKnown = known.commands.some(({ job }) => job === command.job);
  if (isKnown || 'by' in remaining(command, known.commands)) return;
  const earlier = known.commands.filter((other) => isLater(command, other));
  const settles = await Promise.all(earlier.map((other) => settledAt(deps, other)));
  const [key] = keys;
  const change = (stored: CommandList | undefined): CommandList => ({
    ...(stored ?? { key, version: 0, writer: '' }),
    commands: uncovered([...(stored?.commands ?? []), ...known.commands, command]),
    settledAt: Math.max(known.settledAt, stored?.settledAt ?? 0, ...settles),
    // An earlier command can run as long as its body may be kept.
    expiresAt: Math.ceil((deps.clock.now() + OBJECT_LIFETIME_MS) / 1000),
  });
  await commandLists.update(deps, key, change, known.stored);
}

const isLater = (a: Command, b: Command): boolean => bySequence(a.place, b.place) > 0;

/** What later commands leave of a command, or the job that replaced it. */
function remaining(command: Command, commands: readonly Command[]): { groups: readonly string[] } | { by: string } {
  const later = commands.filter((other) => isLater(other, command));
  const byApp = later.find(({ groups, member }) => groups === undefined || (command.groups === undefined && member));
  if (byApp) return { by: byApp.job };
  const groups = command.groups?.filter((group) => !later.some((other) => other.groups?.includes(group)));
  if (groups?.length !== 0) return { groups: groups ?? [] };
  return { by: later.findLast((other) => other.groups?.some((group) => command.groups?.includes(group)))?.job ?? '' };
}

/** Commands without those whose groups later ones all name. Only a later one about the app covers one about the app. */
function uncovered(commands: readonly Command[]): Command[] {
  const unique = [...new Map(commands.map((command) => [command.job, command])).values()];
  return unique.filter((command) => {
    const later = unique.filter((other) => isLater(other, command));
    if (later.some(({ groups }) => groups === undefined)) return false;
    return command.groups?.every((group) => later.some(({ groups }) => groups?.includes(group))) !== true;
  });
}

const keyOf = (hash: string): string => personKey(TESTFLIGHT_QUEUE, hash);
