import type { AppStoreConnectSeed, FakeApp } from '../../../packages/local/fakes/app-store-connect';
import { MARK } from '../world/watch';

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

export const APPLE_SEED: AppStoreConnectSeed = {
  apps: [...APPS],
  testers: APPS.flatMap(({ id, groups: [group = ''] }) =>
    Array.from({ length: JOBS }, (_, index) => [
      { app: id, email: leaver(index), groups: [group], state: 'ACCEPTED' as const },
      { app: id, email: invited(index), groups: [group], state: 'INVITED' as const },
    ]).flat(),
  ),
  refused: [NO_TESTER],
};
