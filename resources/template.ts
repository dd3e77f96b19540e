export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: 'RetainExceptOnCreate';
  UpdateReplacePolicy?: 'Retain';
  DependsOn?: string[];
}

export interface Fragment {
  Resources?: Record<string, Resource>;
  Outputs?: Record<string, { Description?: string; Value?: unknown; Export?: { Name: string } }>;
  extensions?: Record<string, Partial<Omit<Resource, 'Type'>>>;
}

export const merge = (fragments: Fragment[]): Fragment => ({
  Resources: Object.assign({}, ...fragments.map(({ Resources }) => Resources)),
  Outputs: Object.assign({}, ...fragments.map(({ Outputs }) => Outputs)),
  extensions: Object.assign({}, ...fragments.map(({ extensions }) => extensions)),
});

/** A list in lists of at most `most`, because AWS limits them. */
export const inParts = <T>(list: T[], most: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / most) }, (_, part) => list.slice(part * most, (part + 1) * most));

export const policyDocument = (Statement: object[]) => ({ Version: '2012-10-17', Statement });

/** A principal of IAM. An account of 12 digits stands for all its identities. */
export const principalArn = (principal: string): unknown =>
  /^\d{12}$/.test(principal) ? { 'Fn::Sub': `arn:\${AWS::Partition}:iam::${principal}:root` } : principal;

/** An ARN made from a name. A reference could form a cycle, and cannot point to another stack. */
export const arn = (service: string, resource: string): { 'Fn::Sub': string } => ({
  'Fn::Sub':
    service === 's3'
      ? `arn:\${AWS::Partition}:s3:::${resource}`
      : `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`,
});

export const busArn = (bus: string): unknown => (bus.startsWith('arn:') ? bus : arn('events', `event-bus/${bus}`));

/** For example `FeedbackDlq`. Never change one: CloudFormation would replace the queue and delete its messages. */
export const logicalId = (queue: string, part: 'Queue' | 'Dlq'): string => `${pascal(queue)}${part}`;

export const pascal = (name: string): string =>
  name.replace(/(^|-)(.)/g, (_match, _hyphen, letter: string) => letter.toUpperCase());
