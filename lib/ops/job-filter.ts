import { StoreError, VENDORS } from '../errors';
import { feedbackPerson } from '../feedback/message';
import { type JobRow, REASONS, STATES } from '../jobs/row';
import { OperatorError, type Reader } from './operator';

/**
 * What to look for. Every field narrows the search. `from` and `to`: when the job was accepted, ms since 1970.
 * `message`: a message of SQS, or the vendor's id of a mail. `user` and `email`: as in the data of a feedback.
 */
export interface JobFilter extends Partial<Record<TextField, string | undefined>> {
  from?: number | undefined;
  to?: number | undefined;
}

type TextField = keyof typeof FITS | 'group' | 'user' | 'email';

const FITS = {
  queue: ({ queue }, asked) => queue === asked,
  state: ({ state }, asked) => state === asked,
  reason: ({ reason }, asked) => reason === asked,
  code: ({ error }, asked) => error?.code === asked,
  vendor: ({ vendor, error }, asked) => (vendor ?? error?.vendor) === asked,
  correlation: ({ correlationId }, asked) => correlationId === asked,
  ticket: ({ steps, result }, asked) => [steps.ticket?.result, result].some((of) => idsOf(of).includes(asked)),
  message: (row, asked) => messagesOf(row).includes(asked),
} satisfies Record<string, (row: JobRow, asked: string) => boolean>;

/** The values that a field can have, and the option of the commands for it. */
const VALUES = { state: ['state', STATES], reason: ['job-reason', REASONS], vendor: ['vendor', VENDORS] } as const;

/**
 * The message groups of a filter. `undefined`: it names none. A person has two while the hash key changes. Rejects with
 * an OperatorError if the hash key cannot be read.
 */
export async function groupsOf(
  { group, user, email }: JobFilter,
  { hashPeople }: Pick<Reader, 'hashPeople'>,
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

/** Whether a row fits a filter with these message groups. Throws an OperatorError for a value that cannot exist. */
export function fitting(filter: JobFilter, groups: readonly string[] | undefined): (row: JobRow) => boolean {
  for (const [field, [option, values]] of Object.entries(VALUES)) {
    const asked = filter[field as keyof typeof VALUES];
    if (asked !== undefined && !(values as readonly string[]).includes(asked))
      throw new OperatorError(`--${option} must be one of ${values.join(', ')}, is ${asked}.`);
  }
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = filter;
  const given = (Object.keys(FITS) as (keyof typeof FITS)[]).flatMap((field) => {
    const asked = filter[field];
    return asked === undefined ? [] : [(row: JobRow) => FITS[field](row, asked)];
  });
  return (row) =>
    row.time >= from &&
    row.time < to &&
    (groups?.includes(row.group ?? '') ?? true) &&
    given.every((fits) => fits(row));
}

/** The plain texts and numbers of a step's result: ids of what it made. */
const idsOf = (result: unknown): string[] =>
  typeof result === 'object' && result !== null
    ? Object.values(result)
        .filter((value) => typeof value === 'string' || typeof value === 'number')
        .map(String)
    : [];

const messagesOf = ({ deliveries, history, spentMessageIds, evidence = {}, steps }: JobRow): string[] => [
  ...[...deliveries, ...history, ...Object.values(evidence)].flatMap(({ messageId }) => messageId ?? []),
  ...spentMessageIds,
  ...Object.values(steps).flatMap(({ result }) => idsOf(result)),
];
