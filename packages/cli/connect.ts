import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { hashPeopleWith } from '../../handlers/startup/engine';
import type { HashPeople } from '../../lib/engine/jobs/person-hash';
import { suppressionList } from '../../lib/mail/suppression';
import { deploymentOf } from '../../lib/operate/ops/connect';
import { type Deployment, OperatorError } from '../../lib/operate/ops/operator';
import { realObjects } from '../../lib/platform/aws/objects';
import { realQueues, sqsClient } from '../../lib/platform/aws/queues';
import { realTable } from '../../lib/platform/aws/table';
import { parseEnv } from '../../lib/platform/config/common';
import { commonEnv, secret } from '../../lib/platform/config/functions';
import { basicAuthorization } from '../../lib/platform/http';
import type { Facts, Log } from '../../lib/platform/ports';
import { type Endpoints, findService, localClients, localConfig, NOT_RUNNING } from '../local/connection';
import { verifySource } from '../verify/instance';
import type { Source } from '../verify/verify';
import type { Environment, NamedTarget, Serverless } from './target';
import type { Output } from './terminal';

/** The deployment that a command acts on. `source`: what `sls verify` reads, through clients of the AWS SDK. */
export type Connection = Deployment & { source: Source };

export async function connect(serverless: Serverless, target: NamedTarget, out: Output): Promise<Connection> {
  const { provider, functions, custom } = serverless.service;
  const config = parseEnv(commonEnv, provider.environment ?? {});
  const feedback = functions.feedback?.environment;
  const suppressionKey = functions.emails?.environment?.SUPPRESSION_KEY;
  const { sqs, s3, dynamodb, zendesk, secrets, aws } = await clients(serverless, feedback);
  const objects = realObjects({ bucket: config.BUCKET, kmsKey: config.KMS_KEY, client: s3 });
  const listWith = (hashPeople: HashPeople) => suppressionList({ objects, prefix: config.PREFIX, hashPeople });
  const deployment = deploymentOf(config, {
    ...target,
    aws,
    table: realTable({ table: config.TABLE, client: dynamodb }),
    objects,
    queues: realQueues(sqs),
    hashPeople: hashPeopleWith(secret.parse(custom?.instance?.hashKey), secrets),
    suppression: suppressionKey ? listWith(hashPeopleWith(secret.parse(suppressionKey), secrets)) : undefined,
    tickets: feedback?.ZENDESK_ENDPOINT && new URL('/agent/tickets/', feedback.ZENDESK_ENDPOINT).href,
    zendesk,
    log: logTo(out),
  });
  return { ...deployment, source: verifySource(config, { dynamodb, s3, sqs, ...(zendesk && { zendesk }) }) };
}

async function clients(serverless: Serverless, feedback: Environment = {}) {
  const aws = serverless.getProvider('aws');
  if (aws.getStage() !== 'local') {
    const config = await aws.getAwsSdkV3Config();
    return {
      secrets: config,
      aws: config,
      sqs: sqsClient(config),
      s3: new S3Client(config),
      dynamodb: new DynamoDBClient(config),
      zendesk: zendeskLookup(feedback, process.env.ZENDESK_LOOKUP_TOKEN),
    };
  }
  const service = await requireService();
  const zendesk = zendeskLookup({ ...feedback, ZENDESK_ENDPOINT: service.zendesk }, feedback.ZENDESK_TOKEN);
  return { ...localClients(service), aws: localConfig(service.aws), secrets: undefined, zendesk };
}

/** The URLs of the service on this machine. Rejects with an OperatorError if it does not run. */
export async function requireService(): Promise<Endpoints> {
  const service = await findService();
  if (!service) throw new OperatorError(NOT_RUNNING);
  return service;
}

/** Where `sls verify` looks for tickets. `token`: an operator's own, because only the worker can read the worker's. */
export function zendeskLookup(environment: Environment, token: string | undefined): Source['zendesk'] {
  const { ZENDESK_ENDPOINT: endpoint, ZENDESK_EMAIL: email } = environment;
  if (!endpoint || !email || !token) return undefined;
  return { endpoint, authorization: basicAuthorization(email, token) };
}

function logTo(out: Output): Log {
  const note = (message: string, facts: Facts = {}) => {
    const known = Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    out.note([message, ...known].join(' '));
  };
  return { info: () => {}, warn: note, error: note };
}
