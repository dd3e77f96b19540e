import * as z from 'zod';
import { countsOf, eraseFound, foundOf } from '../../lib/operate/ops/erase';
import { type Deployment, OperatorError } from '../../lib/operate/ops/operator';
import { findPerson, needsZstd, SCAN_NAMES } from '../../lib/operate/ops/person';
import type { Person } from '../../lib/operate/ops/search';
import { StoreError } from '../../lib/platform/errors';
import { counted } from '../../lib/platform/text';
import { audited, type ConsoleDeps } from './deps';

const given = z
  .string()
  .trim()
  .transform((text) => text || undefined);

/** A person comes in a body: an address of the page would stay in the history of the browser. */
export const personSchema = z
  .strictObject({ email: given.optional(), user: given.optional() })
  .refine(({ email, user }) => email !== undefined || user !== undefined);

export type PersonFound = Awaited<ReturnType<typeof personFound>>;

/** What the service holds about a person, by place, without the data. Without `scan`, only what rows lead to. */
export async function personFound(deps: ConsoleDeps, person: Person, { scan }: { scan: boolean }, signal: AbortSignal) {
  const named = Object.fromEntries(Object.entries(person).map(([name, value]) => [name, value !== undefined]));
  await audited(deps, { action: 'privacy.find', arguments: { ...named, scan }, reads: true });
  const { found, tickets } = await searched(deps.deployment, person, { scan, signal });
  const suppressed = person.email && (await deps.deployment.suppression?.because(deps.deployment, person.email));
  const rows = found.filter(({ place, unread }) => place === 'rows' && !unread).map(({ key }) => key);
  return {
    places: Object.entries(countsOf(found)),
    ...(suppressed && { suppressed }),
    jobs: rows.map((key) => ({ queue: key.slice(0, key.indexOf('#')), id: key.slice(key.indexOf('#') + 1) })),
    unread: found.flatMap(({ key, unread }) => (unread ? [`${key}: ${unread}`] : [])),
    tickets,
  };
}

async function searched(deps: Deployment, person: Person, { scan, signal }: { scan: boolean; signal?: AbortSignal }) {
  if (scan) needsZstd();
  const search = findPerson(deps, person, { scans: scan ? SCAN_NAMES : [], ...(signal && { signal }) });
  const found = await foundOf(search).catch(denied);
  if (signal?.aborted) throw new OperatorError('You stopped the search. Nothing was changed.');
  return found;
}

/** Who may not find or erase is told what is missing. */
function denied(error: unknown): never {
  if (error instanceof StoreError && /\.\w*(AccessDenied|NotAuthorized)/.test(error.code))
    throw new OperatorError(
      `${error.message}. To find or erase a person, you also need the policy PrivacyPolicyArn of the stack (sls info --verbose).`,
    );
  throw error;
}

const placesText = (places: object): string =>
  Object.entries(places)
    .map(([place, count]) => `${count} of ${place}`)
    .join(', ') || 'nothing';

/** What an erasure would erase, in words. */
export async function erasureOf(deps: Deployment, person: Person): Promise<string> {
  const { found, tickets } = await searched(deps, person, { scan: true });
  const more = tickets.length === 0 ? '' : `, and ${counted(tickets.length, 'ticket')}`;
  const stay = deps.zendesk ? '' : ' in Zendesk, which stay: ZENDESK_LOOKUP_TOKEN is not set';
  return `All of it will be erased, and nothing undoes that: ${placesText(countsOf(found))}${more}${more && stay}.`;
}

/** Searches again, and erases what it finds. Returns what was erased, and what is left to do by hand, without names. */
export async function erased(
  deps: Deployment,
  person: Person,
  { audited, signal }: { audited(): Promise<string>; signal: AbortSignal },
): Promise<string> {
  const of = await searched(deps, person, { scan: true, signal });
  const report = await eraseFound({ ...deps, audit: await audited() }, person, of).catch(denied);
  return [
    `Erased: ${placesText(report.erased)}. Audit ${report.audit}.`,
    ...report.left.map(({ key, why }) => `Left: ${key}: ${why}`),
    ...Object.keys(report.inZendesk.deleted).map((ticket) => `Ticket ${ticket} is deleted.`),
    ...report.byHand.map(
      ({ vendor, what, ...of }) => `By hand at ${vendor}: ${[what, ...(of.tickets ?? [])].join(' ')}`,
    ),
    ...report.lapses.map(({ what, on }) => `Until ${on}: ${what}`),
  ].join('\n');
}
