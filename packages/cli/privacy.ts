import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { countsOf, eraseFound, foundOf } from '../../lib/operate/ops/erase';
import { OperatorError, type Reader } from '../../lib/operate/ops/operator';
import { countObjects, type Found, findPerson, needsZstd, SCAN_NAMES } from '../../lib/operate/ops/person';
import type { Person } from '../../lib/operate/ops/search';
import { counted } from '../../lib/platform/text';
import { PRICES, sumOf } from '../../resources/cost';
import { type Command, type CommandContext, confirmed, text } from './command';
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
      const { found, tickets } = await foundOf(search());
      if (signal.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
      const places = Object.entries(countsOf(found)).map(([place, count]) => [place, String(count)]);
      if (deps.zendesk && tickets.length > 0) places.push(['tickets in Zendesk', String(tickets.length)]);
      else if (tickets.length > 0) out.note('Tickets stay in Zendesk: set ZENDESK_LOOKUP_TOKEN to delete them too.');
      out.lines(places.length > 0 ? tableText(['PLACE', 'FOUND'], places) : ['Nothing was found.']);
      if (!(await confirmed('All of it will be erased.', context))) return;

      const audit = await audited();
      const onProgress = (done: number) => out.progress(done, found.length);
      const erased = await eraseFound({ ...deps, audit }, person, { found, tickets, onProgress });
      out.json(erased);
      if (erased.left.length > 0) out.exitCode(1);
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
