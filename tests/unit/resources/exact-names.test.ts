import { resolver } from '../../../packages/local/template/declared';
import { templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

const region = 'us-east-1';
const account = '123456789012';
const arn = (service: string, name: string) => `arn:aws:${service}:${region}:${account}:${name}`;

/** The property with the physical name of each type, and its ARN. */
const NAMED: Record<string, [property: string, toArn: (name: string) => string]> = {
  'AWS::SQS::Queue': ['QueueName', (name) => arn('sqs', name)],
  'AWS::DynamoDB::Table': ['TableName', (name) => arn('dynamodb', `table/${name}`)],
  'AWS::Lambda::Function': ['FunctionName', (name) => arn('lambda', `function:${name}`)],
  'AWS::Logs::LogGroup': ['LogGroupName', (name) => `${arn('logs', `log-group:${name}`)}:log-stream:x`],
  'AWS::Events::EventBus': ['Name', (name) => arn('events', `event-bus/${name}`)],
  'AWS::SNS::Topic': ['TopicName', (name) => arn('sns', name)],
  'AWS::CloudWatch::Alarm': ['AlarmName', (name) => arn('cloudwatch', `alarm:${name}`)],
  'AWS::CloudWatch::Dashboard': ['DashboardName', (name) => `arn:aws:cloudwatch::${account}:dashboard/${name}`],
  'AWS::IAM::ManagedPolicy': ['ManagedPolicyName', (name) => `arn:aws:iam::${account}:policy/${name}`],
  'AWS::IAM::Role': ['RoleName', (name) => `arn:aws:iam::${account}:role/${name}`],
};

const resolved = ({ Resources }: CompiledTemplate) => {
  const at = { resources: Resources, region, account, stack: 'stack', sqsUrl: 'https://sqs.us-east-1.amazonaws.com' };
  return (value: unknown) => resolver(at)(value);
};

/** The ARNs of the resources that a template creates, and of its stack. */
function created(template: CompiledTemplate): string[] {
  const resolve = resolved(template);
  const stack = template.Outputs.ServerlessDeploymentBucketName?.Export?.Name.replace(/-deployment-bucket$/, '');
  const resources = Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    const [property, toArn] = NAMED[Type] ?? [];
    return property === undefined || toArn === undefined ? [] : [toArn(String(resolve(Properties[property])))];
  });
  return [...resources, arn('cloudformation', `stack/${stack}/x`)];
}

/** Every ARN in the template's policies. It may hold wildcards. Bucket folders and secrets have their own names. */
function granted(template: CompiledTemplate): string[] {
  const resolve = resolved(template);
  const policies = Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    if (Type === 'AWS::IAM::Role') return [Properties.Policies];
    return /^AWS::(IAM|SQS|SNS)::.*Policy$/.test(Type) ? [Properties.PolicyDocument] : [];
  });
  // The resolver of this machine does not know it.
  const text = JSON.stringify(policies).replaceAll(`\${AWS::URLSuffix}`, 'amazonaws.com');
  const arns = [...JSON.stringify(resolve(JSON.parse(text))).matchAll(/"(arn:[^"]+)"/g)].map(([, found = '']) => found);
  return [...new Set(arns)].filter((found) => !/^arn:aws:(s3|ssm|secretsmanager|kms):/.test(found));
}

/** An ARN as a pattern: `*` stands for any text, `?` for one character. */
function pattern(text: string): RegExp {
  const exact = text.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${exact.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

test('no name and no ARN of an instance matches a resource of an instance whose name begins alike', async () => {
  const prod = await templateOf('prod');
  const staging = await templateOf('staging');

  for (const one of [prod, staging]) {
    const other = one === prod ? staging : prod;
    const theirs = created(other);
    const wrong = [...granted(one), ...created(one)].flatMap((text) => {
      const own = pattern(text);
      return theirs.filter((name) => own.test(name)).map((name) => `${text} matches ${name}`);
    });

    expect(wrong).toEqual([]);
    expect(theirs.length).toBeGreaterThan(60);
  }
});
