import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import { mapEach } from '../../lib/platform/concurrency';
import { type Resource, resolver } from '../../packages/local/template/declared';

/** A compiled template, or the part of one that IAM needs. */
interface Template {
  Resources: Record<string, Resource>;
}

const PLACE = { region: 'us-east-1', account: '123456789012' };
const OTHER_ACCOUNT = '210987654321';

export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}
const policyOf = <S>(...Statement: S[]) => ({ Version: '2012-10-17', Statement });
type Policy = ReturnType<typeof policyOf<Statement>>;

export interface Request {
  action: string;
  resource: string;
  context?: Record<string, string[]>;
}

export const arn = (service: string, name: string) => `arn:aws:${service}:${PLACE.region}:${PLACE.account}:${name}`;
export const queue = (name: string) => arn('sqs', name);
export const object = (key: string) => `arn:aws:s3:::team-bucket/${key}`;
export const table = arn('dynamodb', 'table/mht-api-jobs');
export const on = (resource: string, ...actions: string[]): Request[] =>
  actions.map((action) => ({ action, resource }));
export const item = (action: string, ...keys: string[]): Request => ({
  action: `dynamodb:${action}`,
  resource: table,
  context: { 'dynamodb:LeadingKeys': keys },
});

/** Whether a text fits a pattern of IAM: `*` stands for any text, `?` for one character. */
export function like(pattern: string, value: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value);
}

/** Answers the Sids of the statements that allow a request, or nothing if it is refused. */
export type Allowed = (request: Request) => Promise<string[]>;

/** The requests that are answered otherwise than expected. */
export async function unexpected<R extends Request>(
  allows: (request: R) => ReturnType<Allowed>,
  requests: readonly R[],
  expected: boolean,
) {
  const wrong = await mapEach(requests, 1, async (request) =>
    (await allows(request)).length > 0 !== expected ? [request] : [],
  );
  return wrong.flat();
}

/** The statements of a role, or of a managed policy, with all references resolved. */
export function statementsOf(template: Template, id: string, place = PLACE): Statement[] {
  const { Type, Properties = {} } = template.Resources[id] ?? { Type: 'missing' };
  const resolved = (value: unknown) => resolve(template, value, place) as Policy;
  if (Type === 'AWS::IAM::ManagedPolicy') return resolved(Properties.PolicyDocument).Statement;
  if (Type !== 'AWS::IAM::Role') throw new Error(`${id} is no role and no managed policy`);
  const own = (Properties.Policies ?? []) as { PolicyDocument: unknown }[];
  const managed = (Properties.ManagedPolicyArns ?? []) as { Ref: string }[];
  return [
    ...own.flatMap(({ PolicyDocument }) => resolved(PolicyDocument).Statement),
    ...managed.flatMap(({ Ref }) => statementsOf(template, Ref, place)),
  ];
}

/** What a role, or managed policies together, of a compiled template allow within its account, by a simulator of IAM. */
export function permissionsOf(template: Template, ids: string | string[], place = PLACE): Allowed {
  const [id = ''] = [ids].flat();
  const Statement = [ids].flat().flatMap((each) => statementsOf(template, each, place));
  // The simulator reads every statement for every request.
  const about = ({ action }: Request) => Statement.filter((one) => mayName(one, action.replace(/:.*/, '')));
  const ofKey = template.Resources.JobsKey && { resourcePolicy: keyPolicyOf(template, place) };
  return (request) =>
    simulate(request, {
      ...{ principal: `arn:aws:iam::${place.account}:role/${id}`, account: place.account },
      identityPolicies: [{ name: id, policy: policyOf(...about(request)) }],
      ...(request.resource.endsWith(KEY) && ofKey),
    });
}

const mayName = ({ Action }: Statement, service: string): boolean =>
  [Action].flat().some((action) => action === '*' || action.startsWith(`${service}:`));

const KEY = 'key/JobsKey';
const keyPolicyOf = (template: Template, place = PLACE) =>
  resolve(template, template.Resources.JobsKey?.Properties?.KeyPolicy, place);

/** What the policy of the key that the stack makes allows a service of AWS, or a role whose own policy allows it. */
export function ofItsKey(template: Template, principal: string): (context: Request['context']) => Promise<string[]> {
  const own = policyOf({ Effect: 'Allow', Action: 'kms:*', Resource: '*' });
  const identityPolicies = principal.startsWith('arn:') ? [{ name: 'all', policy: own }] : [];
  const caller = { principal, account: PLACE.account, identityPolicies, resourcePolicy: keyPolicyOf(template) };
  const resource = `arn:aws:kms:${PLACE.region}:${PLACE.account}:${KEY}`;
  return (context = {}) => simulate({ action: 'kms:GenerateDataKey', resource, context }, caller);
}

/** What a policy that is no part of a template allows a role of its account. */
export const simulated =
  (Statement: readonly Statement[], account = PLACE.account): Allowed =>
  (request) =>
    simulate(request, {
      ...{ principal: `arn:aws:iam::${account}:role/deployer`, account },
      identityPolicies: [{ name: 'deployer', policy: policyOf(...Statement) }],
    });

/** What a queue's policy allows a role of another account whose own policy allows everything. */
export function fromOtherAccount(
  template: Template,
  queuePolicy: string,
  { role, account = OTHER_ACCOUNT }: { role: string; account?: string },
): Allowed {
  const document = template.Resources[queuePolicy]?.Properties?.PolicyDocument;
  const all = policyOf({ Effect: 'Allow', Action: '*', Resource: '*' });
  return (request) =>
    simulate(request, {
      principal: `arn:aws:iam::${account}:role/${role}`,
      account: PLACE.account,
      identityPolicies: [{ name: 'all', policy: all }],
      resourcePolicy: resolve(template, document, PLACE),
    });
}

async function simulate(
  { action, resource, context = {} }: Request,
  { principal, account, ...policies }: { principal: string; account: string } & Policies,
): Promise<string[]> {
  // Only the leading keys are a list.
  const given = Object.entries(context).flatMap(([key, values]) =>
    values[0] === undefined ? [] : [[key, key === 'dynamodb:LeadingKeys' ? values : values[0]] as const],
  );
  const answer = await runSimulation(
    withKnownNames({
      request: {
        ...{ principal, action, resource: { resource, accountId: account } },
        contextVariables: { 'aws:SecureTransport': 'true', ...Object.fromEntries(given) },
      },
      ...(action.startsWith('kms:') && { resourcePolicy: keyPolicy(account) }),
      ...NO_LIMITS,
      ...policies,
    }),
    {},
  );
  if (answer.resultType === 'error') throw new Error(`${action} on ${resource}: ${JSON.stringify(answer)}`);
  // A `*` in place of a resource has a result for each type of resource.
  const results = answer.resultType === 'single' ? [answer.result] : answer.results;
  const ignored = results.flatMap(({ ignoredContextKeys = [] }) => ignoredContextKeys);
  if (ignored.some((key) => key in context)) throw new Error(`${action} has no ${ignored.join()}`);
  if (answer.overallResult !== 'Allowed') return [];
  const allowing = results.flatMap(({ analysis: { identityAnalysis, resourceAnalysis } }) => [
    ...(identityAnalysis?.allowStatements ?? []),
    ...(resourceAnalysis?.allowStatements ?? []),
  ]);
  return allowing.map(({ statement }) => statement.sid() ?? '');
}

/** The simulator knows no condition keys whose name goes on after a colon. It compares those of tags in the same way. */
const withKnownNames = (simulation: Simulation): Simulation =>
  JSON.parse(JSON.stringify(simulation).replaceAll('kms:EncryptionContext:', 'aws:PrincipalTag/'));

type Policies = Omit<Simulation, 'request' | keyof typeof NO_LIMITS>;

const NO_LIMITS = { serviceControlPolicies: [], resourceControlPolicies: [] };

/** The key policy that KMS writes by default: the account's own policies decide. */
const keyPolicy = (account: string) =>
  policyOf({ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' });

/** A value of the template as in the deployment. A key has its description as name there, so that of the key is its id. */
function resolve({ Resources }: Template, value: unknown, place: typeof PLACE): unknown {
  const key = Resources.JobsKey && { JobsKey: { ...Resources.JobsKey, Properties: { Description: 'JobsKey' } } };
  const resolved = resolver({ resources: { ...Resources, ...key }, ...place, sqsUrl: '' });
  return resolved(JSON.parse(JSON.stringify(value).replaceAll(`\${AWS::URLSuffix}`, 'amazonaws.com')));
}
