import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { groupBy } from '../../lib/group-by';
import { OperatorError, type Reader } from '../../lib/ops/operator';
import type { Person } from '../../lib/ops/search';
import { counted } from '../../lib/text';
import { PRICES, sumOf } from '../../resources/cost';
import { type Command, type CommandContext, confirmed, needsZstd, text } from './command';
import type { Connection } from './connect';
import { erasePerson } from './erase';
import { countObjects, type Found, findPerson, SCAN_NAMES } from './person';
import { type Output, tableText } from './terminal';

const PERSON = {
  email: { usage: 'Address of the person', type: 'string' },
  user: { usage: "The caller's id of the person, as in feedback and events", type: 'string' },
} as const;

const KEYS_PER_LIST = 1_000;

export const privacy = {
  'privacy find': {
    usage: 'Show what the service holds about one person, as JSON lines',
    reads: true,
    options: {
      ...PERSON,
      rows: { usage: 'Only what the rows of jobs lead to, in seconds, without a scan of the bucket', type: 'boolean' },
      out: { usage: 'Folder for a file of each place, with the files of the person', type: 'string' },
    },
    run: async (context) => {
      const { options, out, audited } = context;
      const { deps, signal, search } = await begin(context);
      await audited();
      const write = writerTo(text(options, 'out'), { ...context, deps });
      let count = 0;
      for await (const found of search()) {
        await write(found);
        count++;
      }
      out.note(`${counted(count, 'item and object', 'items and objects')} found.`);
      if (signal.aborted) out.note('You stopped the search. There may be more.');
    },
  },

  'privacy erase': {
    usage: 'Erase one person: show what was found, ask, then erase it. Safe to repeat',
    writes: true,
    options: PERSON,
    run: async (context) => {
      const { out, audited } = context;
      const { deps, person, signal, search } = await begin(context);
      const found: Omit<Found, 'data'>[] = [];
      const tickets = new Set<string>();
      for await (const { data, ...one } of search()) {
        found.push(one);
        for (const ticket of ticketsIn(one.place === 'records' ? data : [data])) tickets.add(ticket);
      }
      if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
      const { zendesk } = deps.source;
      const places = [...groupBy(found, ({ place }) => place)].map(([place, { length }]) => [place, String(length)]);
      if (zendesk && tickets.size > 0) places.push(['tickets in Zendesk', String(tickets.size)]);
      else if (tickets.size > 0) out.note('Tickets stay in Zendesk: set ZENDESK_LOOKUP_TOKEN to delete them too.');
      out.lines(places.length > 0 ? tableText(['PLACE', 'FOUND'], places) : ['Nothing was found.']);
      if (!(await confirmed('All of it will be erased.', context))) return;

      const audit = await audited();
      // First, because only the rows and records name them. A repeat of an interrupted erasure finds them again.
      const deleted: Record<string, string> = {};
      for (const ticket of tickets) {
        const job = zendesk && (await deleteTicket(zendesk, ticket));
        if (job !== undefined && tickets.delete(ticket)) deleted[ticket] = job;
      }
      const acted = { found, onProgress: (done: number) => out.progress(done, found.length) };
      const result = await erasePerson({ ...deps, audit }, person, acted);
      const rest = { inZendesk: { deleted }, ...restOf(deps, [...tickets]) };
      out.json({ audit, at: new Date(deps.clock.now()).toISOString(), ...result, ...rest });
      if (result.left.length > 0) out.exitCode(1);
    },
  },
} satisfies Record<string, Command>;

async function begin({ options, out, connect }: CommandContext) {
  const person: Person = { email: text(options, 'email'), user: text(options, 'user') };
  if (person.email === undefined && person.user === undefined) throw new OperatorError('Give --email, --user or both.');
  const scans = options.rows === true ? [] : SCAN_NAMES;
  if (scans.length > 0) needsZstd();
  const deps = await connect();
  const signal = out.interrupted();
  async function* search() {
    const total = planOf(out, await countObjects(deps, scans));
    yield* findPerson(deps, person, { scans, signal, onProgress: (read) => out.progress(read, total) });
  }
  return { deps, person, signal, search };
}

/** Says how many objects the scans read, and the price, before they begin. Returns that number. */
function planOf(out: Output, counts: Record<string, number>): number {
  const total = sumOf(counts);
  const lists = total / KEYS_PER_LIST + Object.keys(counts).length;
  const cost = total * PRICES.s3Get + 2 * lists * PRICES.s3Put;
  const parts = Object.entries(counts).flatMap(([place, count]) => (count > 0 ? [`${count} of ${place}`] : []));
  out.note(`Reads the rows by an index, and ${counted(total, 'object')}: ${parts.join(', ') || 'none'}.`);
  out.note(`S3 bills about ${cost.toFixed(2)} USD, and 0.09 for each GB that leaves its region.`);
  return total;
}

/** Prints each thing as a line of JSON, or writes it into the folder: a file for each place, and the person's files. */
function writerTo(folder: string | undefined, { out, deps }: Pick<CommandContext, 'out'> & { deps: Reader }) {
  if (folder === undefined) return async (found: Found) => out.line(JSON.stringify(found));
  const written = new Set<string>();
  let files = 0;
  return async (found: Found): Promise<void> => {
    const { place, key, job } = found;
    await mkdir(folder, { recursive: true });
    const bytes = place === 'uploads' && job ? await deps.objects.get(key) : undefined;
    // A number, because files of one person may have one name, and a user chose it.
    const file = bytes && `uploads-${++files}${extname(key).slice(0, 16)}`;
    const write = written.has(place) ? appendFile : writeFile;
    await write(join(folder, `${place}.ndjson`), `${JSON.stringify({ ...found, file })}\n`, { mode: 0o600 });
    written.add(place);
    if (bytes && file) await writeFile(join(folder, file), bytes, { mode: 0o600 });
  };
}

const ticketsIn = (data: unknown): string[] =>
  [data].flat(2).flatMap((one) => {
    const { steps } = (one ?? {}) as { steps?: { ticket?: { result?: { id?: unknown } } } };
    return steps?.ticket?.result?.id === undefined ? [] : [String(steps.ticket.result.id)];
  });

const CALL_MS = 10_000;

/**
 * Deletes a ticket for good, as a ticket and then among the deleted ones. Resolves to the id of Zendesk's job that does
 * it, or to `undefined` if the ticket may still be there: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/
 */
async function deleteTicket(
  { endpoint, authorization }: NonNullable<Connection['source']['zendesk']>,
  ticket: string,
): Promise<string | undefined> {
  const request = { method: 'DELETE', headers: { authorization }, redirect: 'error' as const };
  let answer: Response | undefined;
  for (const folder of ['tickets', 'deleted_tickets']) {
    const url = `${endpoint}/${folder}/${encodeURIComponent(ticket)}.json`;
    answer = await fetch(url, { ...request, signal: AbortSignal.timeout(CALL_MS) }).catch(() => undefined);
  }
  const body = await answer?.json().catch(() => undefined);
  return (body as { job_status?: { id: string } } | undefined)?.job_status?.id;
}

const DAY_MS = 86_400_000;

/** What no command can erase: what remains by hand, and when the rest lapses. */
function restOf({ clock, settings, queueNames }: Pick<Reader, 'clock' | 'settings' | 'queueNames'>, tickets: string[]) {
  const on = (days: number) => new Date(clock.now() + days * DAY_MS).toISOString().slice(0, 10);
  const waits = Math.max(...queueNames.map((queue) => settings(queue).retention / 86_400));
  const lapses: [days: number, what: string][] = [
    [waits, 'messages on their way, which may still bring events or jobs. Run the command again then'],
    [30, 'old versions of objects'],
    [35, 'backups of the table'],
    [90, 'logs, with ids of jobs, unless logs.retention is longer'],
    [120, 'files that the API put into the bucket itself, keyed hashes in other items of the table'],
  ];
  return {
    byHand: [
      {
        vendor: 'zendesk',
        what: 'delete these tickets for good, and their requester if no other ticket needs it',
        tickets,
      },
      { vendor: 'sendgrid', what: 'delete the address from contacts, and its activity' },
      { vendor: 'apple', what: 'remove the tester from each app' },
    ],
    lapses: lapses.map(([days, what]) => ({ what, on: on(days) })),
  };
}
