import type { OnStop } from './cloud';
import { APP_STORE_CONNECT_KEY, EVENT_KEYS } from './endpoints';
import { type FakeAppStoreConnect, LOCAL_APPS, startFakeAppStoreConnect } from './fakes/app-store-connect';
import { type FakeDiscord, startFakeDiscord } from './fakes/discord';
import { type FakeSendgrid, startFakeSendgrid } from './fakes/sendgrid';
import type { FakeServer } from './fakes/server';
import { type FakeZendesk, startFakeZendesk } from './fakes/zendesk';
import type { Ports } from './listen-port';
import type { Declared } from './template/declared';

export interface FakeVendors {
  zendesk: FakeZendesk;
  sendgrid: FakeSendgrid;
  appStoreConnect: FakeAppStoreConnect;
  discord: FakeDiscord;
}

/** Starts the fake vendors. They accept only the credentials that the template gives the functions. */
export async function startFakeVendors({ functions }: Declared, ports: Ports, onStop: OnStop): Promise<FakeVendors> {
  const variable = (name: string) => functions.find(({ environment }) => environment[name])?.environment[name];
  const started = async <F extends FakeServer>(starting: Promise<F>): Promise<F> => {
    const fake = await starting;
    onStop(() => fake.close());
    return fake;
  };
  return {
    zendesk: await started(
      startFakeZendesk({ port: ports.zendesk, email: variable('ZENDESK_EMAIL'), token: variable('ZENDESK_TOKEN') }),
    ),
    sendgrid: await started(
      startFakeSendgrid({ port: ports.sendgrid, apiKey: variable('SENDGRID_API_KEY'), keys: EVENT_KEYS }),
    ),
    appStoreConnect: await started(
      startFakeAppStoreConnect({
        port: ports.appStoreConnect,
        issuerId: variable('APP_STORE_CONNECT_ISSUER_ID') ?? '',
        keyId: variable('APP_STORE_CONNECT_KEY_ID') ?? '',
        privateKey: APP_STORE_CONNECT_KEY,
        ...LOCAL_APPS,
      }),
    ),
    discord: await started(startFakeDiscord({ port: ports.discord })),
  };
}
