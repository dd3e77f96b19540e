import type { OnStop } from './cloud';
import { APP_STORE_CONNECT_KEY, EVENT_KEYS } from './endpoints';
import { type FakeAppStoreConnect, startFakeAppStoreConnect } from './fakes/app-store-connect';
import { LOCAL_APPS } from './fakes/app-store-connect-seed';
import { type FakeDiscord, startFakeDiscord } from './fakes/discord';
import { type FakeSendgrid, startFakeSendgrid } from './fakes/sendgrid';
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
  const zendesk = await startFakeZendesk({
    port: ports.zendesk,
    email: variable('ZENDESK_EMAIL'),
    token: variable('ZENDESK_TOKEN'),
  });
  onStop(() => zendesk.close());
  const sendgrid = await startFakeSendgrid({
    port: ports.sendgrid,
    apiKey: variable('SENDGRID_API_KEY'),
    keys: EVENT_KEYS,
  });
  onStop(() => sendgrid.close());
  const appStoreConnect = await startFakeAppStoreConnect({
    port: ports.appStoreConnect,
    issuerId: variable('APP_STORE_CONNECT_ISSUER_ID') ?? '',
    keyId: variable('APP_STORE_CONNECT_KEY_ID') ?? '',
    privateKey: APP_STORE_CONNECT_KEY,
    ...LOCAL_APPS,
  });
  onStop(() => appStoreConnect.close());
  const discord = await startFakeDiscord({ port: ports.discord });
  onStop(() => discord.close());
  return { zendesk, sendgrid, appStoreConnect, discord };
}
