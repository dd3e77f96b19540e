import { AmbiguousError } from '../../../lib/platform/errors';
import {
  type AppStoreConnectSeed,
  appStoreConnectModel,
  type FakeApp,
} from '../../../packages/local/fakes/app-store-connect';
import { type AcceptedMail, sendgridModel } from '../../../packages/local/fakes/sendgrid';
import type { Reply } from '../../../packages/local/fakes/server';
import { zendeskModel } from '../../../packages/local/fakes/zendesk';
import { MARK } from '../world/watch';

/** Zendesk refuses a ticket with the word, a requester with the address, and a file with the name. */
export const REFUSED_WORD = 'unwanted';
export const SUSPENDED = `${MARK}-suspended@example.com`;
export const REFUSED_FILE = `${MARK}.exe`;
export const REMOVED_FIELD = 404;
/** Zendesk answers 403 to a ticket with this word in its subject. */
export const FORBIDDEN_SUBJECT = 'forbidden';
/** SendGrid refuses each address with the first word, and each request with the second word in its subject. */
export const NO_MAILBOX = 'no-mailbox';
export const UNSENDABLE = 'unsendable';
/** Of a list with bad addresses; of an address that bounces; of one whose owner reports the mail. */
export const BAD_LIST = 'bad-list';
export const BOUNCES = 'bounces';
export const REPORTS = 'reports';
export const UNVERIFIED = `${MARK}-unverified@example.com`;
/** A text in the vendors' errors. It does not look like the name of a field. */
export const VENDOR_SECRET = `Bearer SG.${MARK} of ${MARK}@example.com`;

const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Apps by message group: one with a build, one whose testers Apple mails on joining, and one without a build. */
export const APPS: readonly [FakeApp, FakeApp, FakeApp] = [
  { id: '1', groups: [uuid(11), uuid(12)], builds: [uuid(21)], invitesOnJoining: false },
  { id: '2', groups: [uuid(13), uuid(14)], builds: [uuid(22)], invitesOnJoining: true },
  { id: '3', groups: [uuid(15), uuid(16)], builds: [], invitesOnJoining: false },
];

/** Apple refuses this address as a tester. */
export const NO_TESTER = `${MARK}-refused@example.com`;
/** Apple answers 403 only to requests that would make this address a tester. */
export const FORBIDDEN_TESTER = `${MARK}-forbidden@example.com`;
/** A tester who is in each app before the run. The job of this number removes the tester. */
export const leaver = (index: number): string => `${MARK}-leaver-${index}@example.com`;
/** A tester who was invited to each app before the run. The job of this number invites the tester again. */
export const invited = (index: number): string => `${MARK}-invited-${index}@example.com`;

const JOBS = 20;

const APPLE_SEED: AppStoreConnectSeed = {
  apps: [...APPS],
  testers: APPS.flatMap(({ id, groups: [group = ''] }) =>
    Array.from({ length: JOBS }, (_, index) => [
      { app: id, email: leaver(index), groups: [group], state: 'ACCEPTED' as const },
      { app: id, email: invited(index), groups: [group], state: 'INVITED' as const },
    ]).flat(),
  ),
  refused: [NO_TESTER],
};

export const createVendors = (now: () => number) => ({
  zendesk: zendeskModel(now, {
    ...{ suspended: [SUSPENDED], words: [REFUSED_WORD], files: [REFUSED_FILE], removedFields: [REMOVED_FIELD] },
  }),
  sendgrid: sendgridModel(now, [UNVERIFIED]),
  apple: appStoreConnectModel(APPLE_SEED),
  /** By mail: the names of SendGrid's events about it that were delivered and stored. */
  reported: new Map<AcceptedMail, Set<string>>(),
});
export type Vendors = ReturnType<typeof createVendors>;

/**
 * Makes a job's call, and counts it while its worker does not know whether it took effect. A worker that dies
 * never knows.
 */
export async function notingDoubt<T>(inDoubt: Map<string, number>, job: string, call: () => Promise<T>): Promise<T> {
  const add = (calls: number) => inDoubt.set(job, (inDoubt.get(job) ?? 0) + calls);
  add(1);
  const answer = await call().catch((error: unknown) => {
    if (!(error instanceof AmbiguousError)) add(-1);
    throw error;
  });
  add(-1);
  return answer;
}

export const isOk = ({ status }: Reply): boolean => status >= 200 && status <= 299;
