import { StoreError, VENDORS } from '../errors';
import { feedbackPerson } from '../feedback/message';
import type { HashPeople } from '../jobs/person-hash';
import { type JobRow, REASONS, STATES, type State } from '../jobs/row';
import { OperatorError } from './operator';

/**
 * What to look for. Every field narrows the search. `from` and `to`: when the job was accepted, ms since 1970. `message`: a
 * message of SQS, or the vendor's id of a mail. `user` and `email`: as in the data of a feedback.
 */
export interface JobFilter {
  queue?: string | undefined;
  state?: State | undefined;
  reason?: string | undefined;
  code?: string | undefined;
  vendor?: string | undefined;
  group?: string | undefined;
  user?: string | undefined;
  email?: string | undefined;
  correlation?: string | undefined;
  ticket?: string | undefined;
  message?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

/**
 * The message groups of a filter. `undefined`: it names none. A person's e-mail only counts without an id. A person has
 * several groups, because jobs from before the hash key have another one. Rejects with an OperatorError if the hash key
 * cannot be read.
 */
export async function groupsOf(
  { group, user, email }: JobFilter,
  { hashPeople }: { hashPeople: HashPeople },
): Promise<readonly string[] | undefined> {
  if (group !== undefined) return [group];
  if (user === undefined && email === undefined) return undefined;
  const hashes = await hashPeople().catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    throw new OperatorError(`A search for a person needs the instance's hash key: ${error.code}: ${error.message}`);
  });
  const ofUser = user === undefined ? [] : hashes(feedbackPerson({ user: { id: user, email: '' } }));
  const ofEmail = email === undefined ? [] : hashes(feedbackPerson({ user: { email } }));
  return [...ofUser, ...ofEmail];
}

/**
 * Whether a row fits a filter. `groups`: those of the filter. Throws an OperatorError for a reason or a vendor
 * that does not exist.
 */
export function fitting(filter: JobFilter, groups: readonly string[] | undefined): (row: JobRow) => boolean {
  known('state', filter.state, STATES);
  known('job-reason', filter.reason, REASONS);
  known('vendor', filter.vendor, VENDORS);
  const { from, to } = filter;
  const each = {
    queue: ({ queue }) => queue === filter.queue,
    state: ({ state }) => state === filter.state,
    reason: ({ reason }) => reason === filter.reason,
    code: ({ error }) => error?.code === filter.code,
    vendor: ({ vendor, error }) => (vendor ?? error?.vendor) === filter.vendor,
    group: inGroups,
    user: inGroups,
    email: inGroups,
    correlation: ({ correlationId }) => correlationId === filter.correlation,
    ticket: ({ steps, result }) => [steps.ticket?.result, result].some((of) => idsOf(of).includes(filter.ticket ?? '')),
    message: (row) => messagesOf(row).includes(filter.message ?? ''),
    from: ({ time }) => from === undefined || time >= from,
    to: ({ time }) => to === undefined || time < to,
  } satisfies Record<keyof JobFilter, (row: JobRow) => boolean>;
  function inGroups({ group = '' }: JobRow): boolean {
    return groups?.includes(group) === true;
  }
  const given = (Object.keys(each) as (keyof JobFilter)[]).filter((name) => filter[name] !== undefined);
  return (row) => given.every((name) => each[name](row));
}

function known(name: string, value: string | undefined, values: readonly string[]): void {
  if (value !== undefined && !values.includes(value))
    throw new OperatorError(`--${name} must be one of ${values.join(', ')}, is ${value}.`);
}

/** The plain texts and numbers of a step's result: ids of what it made. */
const idsOf = (result: unknown): string[] =>
  typeof result === 'object' && result !== null
    ? Object.values(result).flatMap((value) =>
        typeof value === 'string' || typeof value === 'number' ? [String(value)] : [],
      )
    : [];

const messagesOf = ({ deliveries, history, spentMessageIds, evidence = {}, steps }: JobRow): string[] => [
  ...[...deliveries, ...history, ...Object.values(evidence)].flatMap(({ messageId }) => messageId ?? []),
  ...spentMessageIds,
  ...Object.values(steps).flatMap(({ result }) => idsOf(result)),
];
