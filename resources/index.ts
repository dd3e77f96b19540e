import { dataPrefix, manifestPrefix, rejectedPrefix } from '../lib/analytics/keys';
import { CAMPAIGN_QUEUE } from '../lib/jobs/keys';
import { campaignKey, rateKey, recipientsFolder, subjectKey } from '../lib/jobs/keys';
import { type Context, type Fragment, parseContext } from './context';
import { jobsTableResources } from './jobs-table';
import { monitoring } from './monitoring';
import {
  alarmsPermissions,
  compactionPermissions,
  emailEventsPermissions,
  reconcilerPermissions,
  type Statement,
  type WorkerNeeds,
  workerPermissions,
} from './permissions';
import { ConfigurationProblems } from './problems';
import { queueResources } from './queue';
import { checkFunctions, type FunctionBlock, parseQueueTable, type QueueRow, settings } from './queue-table';
import { checkSchedule } from './reconciler';

/** What Serverless hands to a function that a variable names. */
export interface Variables {
  resolveConfigurationProperty(path: string[]): Promise<unknown>;
  resolveVariable(variable: string): Promise<unknown>;
}

/** `resources` of serverless.yml: everything that follows from the table of queues. Throws ConfigurationProblems. */
export async function resources(variables: Variables): Promise<Fragment> {
  const { rows, context } = await readConfiguration(variables);
  checkFunctions(rows, await functionBlocks(variables, rows));
  checkSchedule(await variables.resolveConfigurationProperty(['functions', 'reconciler', 'events']));
  return merge([
    ...rows.map((row) => queueResources(row, context)),
    jobsTableResources(context),
    await monitoring(variables, { rows, context }),
    exported(context),
  ]);
}

/** QUEUES of the functions' environment: `Record<queue, QueueSettings>` as JSON. */
export const queues = (variables: Variables): Promise<string> =>
  unlessRefused('{}', async () => {
    const { rows } = await readConfiguration(variables);
    return JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, settings(row)])));
  });

/** `iamRoleStatements` by function. */
export const permissions = (variables: Variables): Promise<Record<string, Statement[]>> =>
  unlessRefused(Object.fromEntries([...Object.keys(WORKERS), ...OTHERS].map((name) => [name, []])), async () => {
    const { rows, context } = await readConfiguration(variables);
    const param = async (name: string) => String(await variables.resolveVariable(`param:${name}`));
    const secretsKey = await param('secretsKey');
    const statements: Record<string, Statement[]> = {
      reconciler: reconcilerPermissions(rows, context),
      emailEvents: emailEventsPermissions(context),
      compaction: compactionPermissions(context),
      alarms: alarmsPermissions(context, { secrets: [await param('discordWebhookUrl')], secretsKey }),
    };
    for (const row of rows) {
      const needs = WORKERS[row.name];
      if (!needs) continue;
      const secrets = await Promise.all(needs.secrets.map(param));
      statements[row.name] = workerPermissions(row, context, { ...needs, secrets, secretsKey });
    }
    return statements;
  });

/** Functions that work on no queue. */
const OTHERS = ['reconciler', 'emailEvents', 'compaction', 'alarms'];

/** What each worker needs beside its queue; `secrets` names params. */
const WORKERS: Record<string, Omit<WorkerNeeds, 'secretsKey'>> = {
  feedback: {
    vendors: ['zendesk', 'sendgrid'],
    items: [rateKey('sendgrid')],
    secrets: ['zendeskToken', 'sendgridApiKey'],
  },
  emails: {
    vendors: ['sendgrid'],
    items: [rateKey('sendgrid'), campaignKey('*')],
    secrets: ['sendgridApiKey'],
    data: (prefix) => ({ written: [`${recipientsFolder(prefix, CAMPAIGN_QUEUE)}/`], read: [] }),
  },
  testflight: {
    vendors: ['app-store-connect', 'sendgrid'],
    items: [rateKey('sendgrid'), subjectKey('testflight', '*')],
    secrets: ['appStoreConnectPrivateKey', 'sendgridApiKey'],
  },
  analytics: {
    vendors: [],
    secrets: [],
    data: (prefix) => ({
      written: [dataPrefix(prefix), rejectedPrefix(prefix)],
      read: [manifestPrefix(prefix)],
    }),
  },
};

/** What is wrong with the configuration is told once, by `resources`; the other variables that need it keep still. */
async function unlessRefused<T>(instead: T, value: () => Promise<T>): Promise<T> {
  try {
    return await value();
  } catch (error) {
    if (error instanceof ConfigurationProblems) return instead;
    throw error;
  }
}

async function readConfiguration({ resolveConfigurationProperty, resolveVariable }: Variables) {
  const param = (name: string) => resolveVariable(`param:${name}`);
  const context = parseContext({
    service: await resolveConfigurationProperty(['service']),
    stage: await resolveVariable('sls:stage'),
    instance: await param('instance'),
    bucket: await param('bucket'),
    prefix: await param('prefix'),
    retain: await param('retain'),
  });
  return { context, rows: parseQueueTable(await resolveConfigurationProperty(['custom', 'queues'])) };
}

/** Only what the rules read: the blocks' permissions come from here too, and would go round in a circle. */
async function functionBlocks({ resolveConfigurationProperty: property }: Variables, rows: QueueRow[]) {
  const blocks: Record<string, FunctionBlock | undefined> = {};
  for (const { name } of rows) {
    if ((await property(['functions', name, 'handler'])) === undefined) continue;
    blocks[name] = {
      timeout: await property(['functions', name, 'timeout']),
      events: await property(['functions', name, 'events']),
    };
  }
  return blocks;
}

/** Serverless names what it exports by service and stage alone, and an account takes an export's name only once. */
const exported = ({ instance, stage }: Context): Fragment => ({
  Resources: {},
  Outputs: {
    ServerlessDeploymentBucketName: { Export: { Name: `${instance}-jobs-${stage}-deployment-bucket` } },
    EmailEventsLambdaFunctionUrl: { Export: { Name: `${instance}-jobs-${stage}-email-events-url` } },
  },
});

const merge = (fragments: Fragment[]): Fragment => ({
  Resources: Object.assign({}, ...fragments.map(({ Resources }) => Resources)),
  Outputs: Object.assign({}, ...fragments.map(({ Outputs }) => Outputs)),
  extensions: Object.assign({}, ...fragments.map(({ extensions }) => extensions)),
});
