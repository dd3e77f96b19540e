import type { Started } from './cloud';
import { APP_STORE_CONNECT_KEY, EVENT_KEYS } from './endpoints';
import { LOCAL_APPS, startFakeAppStoreConnect } from './fakes/app-store-connect';
import { startFakeDiscord } from './fakes/discord';
import { startFakeSendgrid } from './fakes/sendgrid';
import { startFakeZendesk } from './fakes/zendesk';
import type { Ports } from './listen-port';
import type { Declared } from './template/declared';

export type FakeVendors = Awaited<ReturnType<typeof startFakeVendors>>;

/** Starts the fake vendors. They accept only the credentials that the template gives the functions. */
export async function startFakeVendors({ functions }: Declared, ports: Ports, started: Started) {
  const variable = (name: string) => functions.find(({ environment }) => environment[name])?.environment[name];
  const [email, token, apiKey] = ['ZENDESK_EMAIL', 'ZENDESK_TOKEN', 'SENDGRID_API_KEY'].map(variable);
  const team = {
    issuerId: variable('APP_STORE_CONNECT_ISSUER_ID') ?? '',
    keyId: variable('APP_STORE_CONNECT_KEY_ID') ?? '',
    privateKey: APP_STORE_CONNECT_KEY,
  };
  return {
    zendesk: await started(startFakeZendesk({ port: ports.zendesk, email, token })),
    sendgrid: await started(startFakeSendgrid({ port: ports.sendgrid, apiKey, keys: EVENT_KEYS })),
    appStoreConnect: await started(startFakeAppStoreConnect({ port: ports.appStoreConnect, ...team, ...LOCAL_APPS })),
    discord: await started(startFakeDiscord({ port: ports.discord })),
  };
}
