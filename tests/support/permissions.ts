import { groupBy } from '../../lib/platform/group-by';
import { ACCOUNT, REGION } from '../../packages/local/loopback';
import { readDefaults } from '../../resources/instances/read';
import { type Allowed, like, permissionsOf, type Statement, statementsOf } from './iam';
import { isSecret, type RecordedCall } from './recorded-calls';

export const WORKERS = Object.keys(readDefaults().queues ?? {});
export const FUNCTIONS = [...WORKERS, 'emailEvents', 'hours', 'reconciler', 'alarms', 'verify'];
/** The logical id of a function's part, such as its role. */
export const idOf = (key: string, part: string): string => `${key[0]?.toUpperCase()}${key.slice(1)}${part}`;
/** Who calls AWS, by access key, with the role or managed policies that allow it. */
export const HOLDERS: Record<string, string[]> = {
  ...Object.fromEntries(FUNCTIONS.map((key) => [key, [idOf(key, 'IamRoleLambdaExecution')]])),
  ...{
    producer: ['ProducerPolicy', 'ProducerObjectsPolicy'],
    reader: ['ReaderPolicy'],
    operator: ['OperatorPolicy', 'OperatorObjectsPolicy'],
    privacy: ['PrivacyPolicy'],
  },
};

/** Permissions that no run on this machine can record: Lambda uses them inside AWS, and no fake has CloudWatch Logs. */
const REASONS: [permission: RegExp, reason: string][] = [
  [/^(reader|operator) logs:/, '`sls logs` reads the log'],
  [/ logs:/, 'Lambda writes the log'],
  [/^worker sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes) /, 'Lambda polls the queue'],
];

type Template = Parameters<typeof statementsOf>[0];

const LOCAL = { region: REGION, account: ACCOUNT };

/** What each caller may do by a template. It reads the policies of a caller once: that takes longer than an answer. */
export function allowedBy(template: Template): (who: string) => Allowed {
  const known = new Map<string, Allowed>();
  return (who) => {
    const allowed = known.get(who) ?? permissionsOf(template, HOLDERS[who] ?? [who], LOCAL);
    known.set(who, allowed);
    return allowed;
  };
}

/** One allowed action on one pattern of names. */
interface Permission {
  who: string;
  action: string;
  resource: string;
  /** A pattern of `dynamodb:LeadingKeys` or `s3:prefix`. */
  key?: string;
}

const KEYS = ['dynamodb:LeadingKeys', 's3:prefix'];

function permissionsIn(template: Template, who: string): Permission[] {
  const statements = (HOLDERS[who] ?? [who]).flatMap((id) => statementsOf(template, id, LOCAL));
  return statements.flatMap(({ Action, Resource, Condition }: Statement) => {
    const conditions = Object.values(Condition ?? {}).flatMap((of) => Object.entries(of));
    const keys = conditions.flatMap(([name, values]) => (KEYS.includes(name) ? [values].flat() : []));
    // `Null` says `false` about the keys themselves.
    const patterns = keys.filter((key) => key !== 'false').map((key) => ({ key }));
    const names = [Resource]
      .flat()
      .flatMap((resource) => (patterns.length > 0 ? patterns : [{}]).map((key) => ({ resource, ...key })));
    // A statement may name actions and resources of two services.
    const fits = (action: string, { resource }: { resource: string }) =>
      resource === '*' || resource.split(':')[2] === action.split(':')[0];
    return [Action]
      .flat()
      .flatMap((action) => names.filter((name) => fits(action, name)).map((name) => ({ who, action, ...name })));
  });
}

const isUsedBy = ({ who, action, resource, key }: Permission, call: RecordedCall): boolean =>
  call.who === who &&
  call.action === action &&
  like(resource, call.resource) &&
  (key === undefined || KEYS.some((name) => call.context?.[name]?.some((value) => like(key, value))));

/**
 * All permissions of the local stage, and which of them the calls used. What holders have alike, each on its own queue,
 * is one row. The local stage has no secrets, so permissions to read them are those of `prod`.
 */
export function permissionRows(local: Template, prod: Template, calls: readonly RecordedCall[]) {
  const of = (template: Template) =>
    Object.entries(HOLDERS).flatMap(([who, ids]) =>
      ids.every((id) => id in template.Resources) ? permissionsIn(template, who) : [],
    );
  const all = [...of(local), ...of(prod).filter(({ resource }) => isSecret(resource))];
  const alike = [...groupBy(all, (one) => `${kindOf(one.who)} ${one.action} ${nameOf(one)}`).values()];
  return alike.map((permissions) => {
    const [first] = permissions as [Permission];
    const row = { who: [...new Set(permissions.map(({ who }) => who))], action: first.action, name: nameOf(first) };
    const text = `${kindOf(first.who)} ${row.action} ${row.name}`;
    const reason = REASONS.find(([permission]) => permission.test(text))?.[1];
    return { ...row, used: permissions.some((permission) => calls.some((call) => isUsedBy(permission, call))), reason };
  });
}

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
  const queues = WORKERS.includes(who) ? [who] : WORKERS;
  return queues.reduce(
    (text, queue) => text.replace(new RegExp(`(?<=^|[-/#])${queue}(?=$|[-./#:])(?!-(late|rejected))`), '{queue}'),
    name,
  );
}

/** The table of resources/permissions.md. Rows about the same names, or with one action, are together. */
export function permissionTable(local: Template, prod: Template): string {
  const lines = permissionRows(local, prod, []).map(({ who, action, name, reason = 'recorded' }) => ({
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
