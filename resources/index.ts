import { type Context, type Fragment, parseContext } from './context';
import { jobsTableResources } from './jobs-table';
import { reconcilerPermissions, type Statement, workerPermissions } from './permissions';
import { queueResources } from './queue';
import { checkFunctions, type FunctionBlock, parseQueueTable, type QueueRow, settings } from './queue-table';

/** What Serverless hands to a function that a variable names. */
export interface Variables {
  resolveConfigurationProperty(path: string[]): Promise<unknown>;
  resolveVariable(variable: string): Promise<unknown>;
}

/** `resources` of serverless.yml: everything that follows from the table of queues. Throws ConfigurationProblems. */
export async function resources(variables: Variables): Promise<Fragment> {
  const rows = await queueTable(variables);
  checkFunctions(rows, await functionBlocks(variables, rows));
  const context = await contextOf(variables);
  return merge([...rows.map((row) => queueResources(row, context)), jobsTableResources(context)]);
}

/** QUEUES of the functions' environment: `Record<queue, QueueSettings>` as JSON. */
export async function queues(variables: Variables): Promise<string> {
  const rows = await queueTable(variables);
  return JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, settings(row)])));
}

/** `iamRoleStatements` by function. */
export async function permissions(variables: Variables): Promise<Record<string, Statement[]>> {
  const rows = await queueTable(variables);
  const context = await contextOf(variables);
  const param = async (name: string) => String(await variables.resolveVariable(`param:${name}`));
  const secretsKey = await param('secretsKey');
  const needs = {
    feedback: {
      vendors: ['zendesk', 'sendgrid'],
      items: ['rate#sendgrid'],
      secrets: [await param('zendeskToken'), await param('sendgridApiKey')],
      secretsKey,
    },
  };
  const workers = Object.entries(needs).flatMap(([name, need]) => {
    const row = rows.find((each) => each.name === name);
    return row ? [[name, workerPermissions(row, context, need)] as const] : [];
  });
  return { ...Object.fromEntries(workers), reconciler: reconcilerPermissions(rows, context) };
}

const queueTable = async (variables: Variables): Promise<QueueRow[]> =>
  parseQueueTable(await variables.resolveConfigurationProperty(['custom', 'queues']));

async function contextOf({ resolveConfigurationProperty, resolveVariable }: Variables): Promise<Context> {
  const param = (name: string) => resolveVariable(`param:${name}`);
  return parseContext({
    service: await resolveConfigurationProperty(['service']),
    stage: await resolveVariable('sls:stage'),
    instance: await param('instance'),
    bucket: await param('bucket'),
    prefix: await param('prefix'),
    retain: await param('retain'),
  });
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

const merge = (fragments: Fragment[]): Fragment => ({
  Resources: Object.assign({}, ...fragments.map(({ Resources }) => Resources)),
  Outputs: Object.assign({}, ...fragments.map(({ Outputs }) => Outputs)),
});
