import { randomUUID } from 'node:crypto';
import { commonEnv } from '../../lib/config/common';
import { parseEnv } from '../../lib/config/environment';
import { APP_STORE_CONNECT_KEY, EVENT_KEYS } from './connection';
import { eventBridge, startDynamoDb, startS3 } from './emulators';
import { LOCAL_APPS, startFakeAppStoreConnect } from './fakes/app-store-connect';
import { startFakeDiscord } from './fakes/discord';
import { startFakeSendgrid } from './fakes/sendgrid';
import { startFakeZendesk } from './fakes/zendesk';
import type { Ports } from './loopback';
import { createSqsModel } from './sqs/model';
import { startSqs } from './sqs/server';
import { type Declared, declared as declaredIn } from './template/declared';
import type { Packaged } from './template/package';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

export type Cloud = Awaited<ReturnType<typeof startCloud>>;

/** Resolves to a part that was started, and registers how to stop it. The service stops its parts in reverse order. */
export type Started = <P extends { close(): Promise<unknown> }>(starting: Promise<P>) => Promise<P>;

/** Starts SQS, DynamoDB and S3 with the template's queues and tables, and the bucket that the functions name. */
export async function startCloud({ resources }: Packaged, ports: Ports, started: Started) {
  const sqs = createSqsModel({ now: monotonic, uuid: randomUUID, region: REGION, account: ACCOUNT });
  const { url: sqsUrl } = await started(startSqs({ model: sqs, port: ports.sqs }));
  const declared = declaredIn({ resources, region: REGION, account: ACCOUNT, sqsUrl });
  // A redrive policy may name only an existing queue, so the DLQs come first.
  const deadLetterQueuesFirst = declared.queues.toSorted(
    (a, b) => Number('RedrivePolicy' in a.attributes) - Number('RedrivePolicy' in b.attributes),
  );
  for (const { name, attributes } of deadLetterQueuesFirst)
    sqs.createQueue({ QueueName: name, Attributes: attributes });

  const config = parseEnv(commonEnv, declared.functions[0]?.environment ?? {});
  const { url: dynamodb } = await started(
    startDynamoDb({ tables: declared.tables, region: REGION, port: ports.dynamodb }),
  );
  const { url: s3 } = await started(startS3({ buckets: [config.BUCKET], region: REGION, port: ports.s3 }));
  const { buses, webhook } = declared;
  const bridge = await started(Promise.resolve(eventBridge(buses, webhook)));
  return { declared, config, sqs, bridge, endpoints: { sqs: sqsUrl, s3, dynamodb } };
}

/** Milliseconds since 1970 that never go back. The model requires that. */
const monotonic = (): number => Math.floor(performance.timeOrigin + performance.now());

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
