import { generateKeyPairSync } from 'node:crypto';
import { sharedRate } from '../../lib/mail/rate';
import { realAppStoreConnect } from '../../lib/queues/testflight/app-store-connect';
import { createCommands } from '../../lib/queues/testflight/commands';
import type { AllowedApp } from '../../lib/queues/testflight/membership';
import type { InviteInput } from '../../lib/queues/testflight/message';
import { testflightContract } from '../../lib/queues/testflight/process';
import { type AppStoreConnectSeed, startFakeAppStoreConnect } from '../../packages/local/fakes/app-store-connect';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { anEnvelope, type EngineOptions, memoryEngine, watch } from './engine';
import { hashPeople } from './hash-people';
import { memoryClock } from './memory-clock';
import { SUPPORT, watchedSendgrid } from './watched-sendgrid';

export const APP = '1000000001';
export const EMPTY_APP = '1000000002';
export const GROUP = '00000000-0000-4000-8000-0000000000a1';
export const OTHER_GROUP = '00000000-0000-4000-8000-0000000000a2';
export const EMPTY_APPS_GROUP = '00000000-0000-4000-8000-0000000000a3';
export const BUILD = '00000000-0000-4000-8000-0000000000b1';
export const TESTER = 'tester@example.com';

/** A private key as Apple gives it, PKCS #8 PEM. */
export const newKey = (namedCurve = 'P-256'): string =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

export const TEAM = { issuerId: '00000000-0000-4000-8000-000000000001', keyId: 'KEY0000001', privateKey: newKey() };
export const SETTLE_AFTER_MS = 30_000;

/** Two apps. `invitesOnJoining`: whether Apple mails a tester who joins a group. */
export const seed = (
  testers: AppStoreConnectSeed['testers'] = [],
  { invitesOnJoining = false } = {},
): AppStoreConnectSeed => ({
  apps: [
    { id: APP, groups: [GROUP, OTHER_GROUP], builds: [BUILD], invitesOnJoining },
    { id: EMPTY_APP, groups: [EMPTY_APPS_GROUP], builds: [], invitesOnJoining },
  ],
  testers,
});

export const anInvite = (changes: Partial<InviteInput> = {}): InviteInput => ({
  app: APP,
  email: TESTER,
  firstName: 'A',
  lastName: 'Tester',
  groups: [GROUP],
  ...changes,
});

const body = (type: string, data: unknown, envelope: Record<string, unknown> = {}): string =>
  JSON.stringify(anEnvelope({ type, data, ...envelope }));

export const inviteBody = (changes: Partial<InviteInput> = {}, envelope: Record<string, unknown> = {}): string =>
  body('testflight.invite.v1', anInvite(changes), envelope);
export const removeBody = (changes: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): string =>
  body('testflight.remove.v1', { app: APP, email: TESTER, from: 'app', ...changes }, envelope);
export const notifyBuildBody = (changes: Record<string, unknown> = {}): string =>
  body('testflight.notify-build.v1', { app: APP, build: BUILD, ...changes });

export interface TestflightOptions extends EngineOptions {
  seed?: AppStoreConnectSeed;
  limit?: number;
  templateId?: string;
  apps?: AllowedApp[];
}

/** The testflight worker over the real adapters and HTTP, against fake vendors on loopback; the rest is in memory. */
export async function startTestflight(given: TestflightOptions = {}) {
  const { seed: seeded = seed(), limit, templateId, apps = [], ...options } = given;
  const { clock = memoryClock() } = options;
  const { now } = clock;
  const [apple, sendgrid] = await Promise.all([
    startFakeAppStoreConnect({ ...seeded, ...TEAM, ...(limit === undefined ? {} : { limit }), now }),
    startFakeSendgrid({ now }),
  ]);
  const adapter = realAppStoreConnect({ ...TEAM, endpoint: apple.url, privateKey: async () => TEAM.privateKey, now });
  const engine = memoryEngine(
    (ports) =>
      testflightContract({
        // `waitMs` makes no call and answers at once, so it is not watched.
        appStoreConnect: { ...watch(adapter, 'apple', options), waitMs: adapter.waitMs },
        sendgrid: watchedSendgrid(sendgrid.url, now, options),
        rate: sharedRate({ ...ports, rate: 100 }, 'sendgrid'),
        clock,
        commands: createCommands({ ...ports, hashPeople, settleAfterMs: SETTLE_AFTER_MS }),
        config: { apps, from: SUPPORT, templateId, brand: 'Sample', notificationWaitMs: 900_000 },
      }),
    { ...options, clock },
  );
  return { engine, apple, sendgrid, close: () => Promise.all([apple.close(), sendgrid.close()]) };
}
