import type { startFakeAppStoreConnect } from '../../packages/local/fakes/app-store-connect';
import type { startFakeDiscord } from '../../packages/local/fakes/discord';
import type { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import type { startFakeZendesk } from '../../packages/local/fakes/zendesk';

export type FakeAppStoreConnect = Awaited<ReturnType<typeof startFakeAppStoreConnect>>;
export type FakeZendesk = Awaited<ReturnType<typeof startFakeZendesk>>;
export type FakeDiscord = Awaited<ReturnType<typeof startFakeDiscord>>;
export type FakeSendgrid = Awaited<ReturnType<typeof startFakeSendgrid>>;
