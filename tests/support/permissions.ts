import { groupBy } from '../../lib/group-by';
import { readDefaults } from '../../resources/instances/read';
import { type Allowed, permissionsOf, type Statement, statementsOf } from './iam';
import type { RecordedCall } from './recorded-calls';

/** Who calls AWS, by access key, with the role or managed policy that allows it. */
export const HOLDERS: Record<string, string> = {
  feedback: 'FeedbackIamRoleLambdaExecution',
  emails: 'EmailsIamRoleLambdaExecution',
  testflight: 'TestflightIamRoleLambdaExecution',
  analytics: 'AnalyticsIamRoleLambdaExecution',
  emailEvents: 'EmailEventsIamRoleLambdaExecution',
  hours: 'HoursIamRoleLambdaExecution',
  reconciler: 'ReconcilerIamRoleLambdaExecution',
  alarms: 'AlarmsIamRoleLambdaExecution',
  producer: 'ProducerPolicy',
  reader: 'ReaderPolicy',
  operator: 'OperatorPolicy',
};
/** The functions that may have secrets. */
export const FUNCTIONS = Object.keys(HOLDERS).filter((who) => HOLDERS[who]?.endsWith('IamRoleLambdaExecution'));
/** The workers whose work is recorded (`recorded-work.ts`). */
export const WORKERS = ['feedback', 'emails', 'testflight', 'analytics'];
const QUEUES = Object.keys(readDefaults().queues ?? {});

const ANY = /./;
const SECRET = /^(ssm|secretsmanager|kms):/;
/** S3 says that an object is missing only to a caller who may list its key. */
const MISSING = 'S3 asks when an object is missing';
const SIMULATED = 'the simulator covers it (`tests/simulation`)';

/** Permissions that the recorded run need not use, and why. The text is `action name` (`PermissionRow`). */
const REASONS: [who: RegExp, text: RegExp, reason: string][] = [
  [ANY, /^logs:/, 'Lambda writes the log'],
  [/^(?!producer)/, SECRET, 'a function reads its secrets (`tests/unit/resources/compiled-template.test.ts`)'],
  [/worker/, /^sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes) /, 'Lambda polls the queue'],
  [/worker/, /^dynamodb:DeleteItem trial#/, `the bucket fails while a returned message runs: ${SIMULATED}`],
  [/worker/, /^s3:GetObject \S+\/\{queue\}-jobs\//, `a message came whose row has expired: ${SIMULATED}`],
  [
    /reconciler/,
    /^s3:\w+ \S+\/_data\//,
    'a campaign ended 44 days ago (`tests/integration/emails/drop-lists.test.ts`)',
  ],
  [
    /reconciler/,
    /^s3:DeleteObject \S+\/_attachments\//,
    'the rows of the jobs with a file are gone (`tests/unit/reconcile/drop-files.test.ts`)',
  ],
  [/worker|reconciler|producer|reader/, /^s3:ListBucket /, MISSING],
  [/emailEvents/, /^dynamodb:GetItem evidence#/, 'another request was faster'],
  [/reconciler/, /^s3:GetObject \S+\/_bodies\//, `a held job is released: ${SIMULATED}`],
  [/reconciler/, /^sqs:GetQueueAttributes \S+\{queue\}\.fifo$/, `many jobs are released: ${SIMULATED}`],
  [
    /reconciler/,
    /^sqs:(SendMessage|DeleteMessage|ChangeMessageVisibility) \S+-dlq\.fifo$/,
    `entries come from SQS or go back: ${SIMULATED}`,
  ],
  [
    /reconciler/,
    /^s3:(DeleteObject|PutObject \S+\/_bodies|[GP]\w+Object \S+-jobs)/,
    `it completes what a dead worker left: ${SIMULATED}`,
  ],
  [/reconciler/, /^sns:/, 'many jobs wait or die of one cause (`tests/unit/reconcile`)'],
  [/alarms/, /^sqs:SendMessage /, 'Discord is down (`tests/unit/alarms`)'],
  [/alarms/, /^dynamodb:GetItem /, 'alarms of DLQs and of the reconciler (`tests/unit/alarms`)'],
  [
    /producer/,
    /^s3:PutObject \S+\/_attachments\//,
    'a user posts a signed form (`tests/unit/producer/uploads.test.ts`)',
  ],
  [/producer/, /^s3:GetObject \{prefix\}\/\{queue\}\//, 'the row of a chunk has expired'],
  [/reader/, /^s3:GetObject /, 'for people who look at objects with the AWS CLI'],
  [/reader|operator/, /^cloudformation:/, '`sls instances` (`tests/deploy`)'],
  [
    /operator/,
    /^(lambda:|dynamodb:DeleteItem pause#)/,
    '`sls queues pause` and `resume` (`tests/integration/local/queues.test.ts`)',
  ],
  [
    /operator/,
    /^(cloudwatch:|sqs:GetQueueAttributes \S+\{queue\}\.fifo$)/,
    '`sls queues` (`tests/integration/local/queues.test.ts`)',
  ],
  [
    /operator/,
    /^sqs:ChangeMessageVisibility /,
    'a DLQ shows an entry while `sls verify` looks (`tests/integration/ops/verify.test.ts`)',
  ],
  [/operator/, /^sns:/, '`sls alarms test` (`tests/unit/cli`)'],
  [/operator/, /^sqs:SendMessage \S+-dlq\.fifo$/, 'it discards a job before its entry was sent (`tests/unit/ops`)'],
  [/operator/, /^s3:(PutObject (?!\S+_audit)|GetObject \S+-jobs)/, 'it ends a job (`tests/unit/ops`)'],
];

type Template = Parameters<typeof statementsOf>[0];

/** The account of the service on this machine. */
const LOCAL = { Partition: 'aws', Region: 'us-east-1', AccountId: '000000000000', URLSuffix: 'amazonaws.com' };

export const allowedBy = (template: Template, who: string): Allowed =>
  permissionsOf(template, HOLDERS[who] ?? who, LOCAL);

/** One allowed action on one pattern of names. */
interface Permission {
  who: string;
  action: string;
  /** An ARN. */
  resource: string;
  /** A pattern of `dynamodb:LeadingKeys` or `s3:prefix`. */
  key?: string;
}

const KEYS = ['dynamodb:LeadingKeys', 's3:prefix'];

function permissionsIn(template: Template, who: string): Permission[] {
  return statementsOf(template, HOLDERS[who] ?? who, LOCAL).flatMap(({ Action, Resource, Condition }: Statement) => {
    const conditions = Object.values(Condition ?? {}).flatMap((of) => Object.entries(of));
    const keys = conditions.flatMap(([name, values]) => (KEYS.includes(name) ? [values].flat() : []));
    // `Null` says `false` about the keys themselves.
    const patterns = keys.filter((key) => key !== 'false').map((key) => ({ key }));
    const names = [Resource]
      .flat()
      .flatMap((resource) => (patterns.length > 0 ? patterns : [{}]).map((key) => ({ resource, ...key })));
    return [Action].flat().flatMap((action) => names.map((name) => ({ who, action, ...name })));
  });
}

const isUsedBy = ({ who, action, resource, key }: Permission, call: RecordedCall): boolean =>
  call.who === who &&
  call.action === action &&
  like(resource, call.resource) &&
  (key === undefined || KEYS.some((name) => call.context?.[name]?.some((value) => like(key, value))));

const like = (pattern: string, value: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(value);

/** A permission that several holders have, each on its own queue. */
export interface PermissionRow {
  who: string[];
  action: string;
  name: string;
  used: boolean;
  /** Why the recorded runs need not use it. */
  reason: string | undefined;
}

/** All permissions of a template, and which of them the calls used. What differs only in its queue is one row. */
export function permissionRows(template: Template, calls: readonly RecordedCall[]): PermissionRow[] {
  const all = Object.keys(HOLDERS).flatMap((who) => permissionsIn(template, who));
  const alike = [...groupBy(all, (one) => `${kindOf(one.who)} ${one.action} ${nameOf(one)}`).values()];
  return alike.map((permissions) => {
    const [first] = permissions as [Permission];
    const row = { who: [...new Set(permissions.map(({ who }) => who))], action: first.action, name: nameOf(first) };
    const text = `${row.action} ${row.name}`;
    const because = REASONS.find(([who, what]) => who.test(kindOf(first.who)) && what.test(text));
    const used = permissions.some((permission) => calls.some((call) => isUsedBy(permission, call)));
    return { ...row, used, reason: because?.[2] };
  });
}

/** The functions' permissions to read secrets. The local stage has none, so they are of a template with references. */
export const secretRows = (template: Template, calls: readonly RecordedCall[]): PermissionRow[] =>
  permissionRows(template, calls).filter(
    ({ who: [who = ''], action }) => FUNCTIONS.includes(who) && SECRET.test(action),
  );

/** The reasons that belong to no row. */
export const staleReasons = (rows: readonly PermissionRow[]): string[] =>
  REASONS.filter(
    ([who, what]) => !rows.some((row) => who.test(kindOf(row.who[0] ?? '')) && what.test(`${row.action} ${row.name}`)),
  ).map(([who, what]) => `${who} ${what}`);

const kindOf = (who: string): string => (WORKERS.includes(who) ? 'worker' : who);

/** The name that a permission is about, without what is the same in every instance. */
function nameOf({ who, resource, key }: Permission): string {
  const short = resource
    .replace(/^arn:aws:[a-z0-9]*:[^:]*:\d*:/, '')
    .replace(/^local-bucket$|^local-bucket\//, '')
    .replace(/^table\/local-jobs\/index\/\*$/, 'the indexes')
    .replace(/^table\/local-jobs$/, 'every item')
    .replace('/aws/lambda/local-', '/aws/lambda/{instance}-')
    .replace(/-jobs-local\/\*$/, '-jobs-{stage}/*')
    .replace(/\blocal(?=[-/])/, '{instance}');
  const name = (key ?? short)
    .replace(/^(file#)?jobs\//, '$1{prefix}/')
    .replace(/^evidence#(\w+)#(send|confirmation|notification)#/, 'evidence#$1#{step}#');
  const queues = WORKERS.includes(who) ? [who] : QUEUES;
  return queues.reduce(
    (text, queue) => text.replace(new RegExp(`(?<=^|[-/#])${queue}(?=$|[-./#:])(?!-(late|rejected))`), '{queue}'),
    name,
  );
}

/** The rows as the table of resources/permissions.md. Rows about the same names, or with one action, are together. */
export function permissionTable(rows: readonly PermissionRow[]): string {
  const lines = rows.map(({ who, action, name, reason = 'recorded' }) => ({
    who: who.length === WORKERS.length ? 'every worker' : who.join(', '),
    actions: `\`${action}\``,
    names: `\`${name}\``,
    proof: reason,
  }));
  const byAction = joined(lines, 'names', ({ who, actions, proof }) => [who, actions, proof]);
  const byNames = joined(byAction, 'actions', ({ who, names, proof }) => [who, names, proof]);
  const text = byNames.map(({ who, actions, names, proof }) => `| ${who} | ${actions} | ${names} | ${proof} |`);
  return ['| who | action | on | proof |', '|---|---|---|---|', ...text].join('\n');
}

/** Joins lines with the same `key` into one, with all their values of a column. */
function joined<T extends Record<C, string>, C extends string>(lines: T[], column: C, key: (line: T) => string[]): T[] {
  const together = groupBy(lines, (line) => JSON.stringify(key(line)));
  return [...together.values()].map((group) => ({
    ...(group[0] as T),
    [column]: group.map((line) => line[column]).join(', '),
  }));
}
