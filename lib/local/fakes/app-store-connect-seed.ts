import type { AppStoreConnectSeed } from './app-store-connect-model';

const id = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** An app with a build. */
export const LOCAL_APP = { id: '1000000001', group: id(0xa1), build: id(0xb1) };
/** An app whose testers get an e-mail when they join a group. */
export const MAILING_APP = { id: '1000000002', group: id(0xa2), build: id(0xb2) };
/** An app without a build. */
export const EMPTY_APP = { id: '1000000003', group: id(0xa3) };

/** The apps and testers of App Store Connect on this machine. */
export const LOCAL_APPS: AppStoreConnectSeed = {
  apps: [
    { id: LOCAL_APP.id, groups: [LOCAL_APP.group], builds: [LOCAL_APP.build], invitesOnJoining: false },
    { id: MAILING_APP.id, groups: [MAILING_APP.group], builds: [MAILING_APP.build], invitesOnJoining: true },
    { id: EMPTY_APP.id, groups: [EMPTY_APP.group], builds: [], invitesOnJoining: false },
  ],
  testers: [
    { app: LOCAL_APP.id, email: 'invited@example.com', groups: [LOCAL_APP.group], state: 'INVITED' },
    { app: LOCAL_APP.id, email: 'accepted@example.com', groups: [LOCAL_APP.group], state: 'ACCEPTED' },
  ],
  refused: ['refused@example.com'],
};
