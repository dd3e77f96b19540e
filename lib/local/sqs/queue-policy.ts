import type { AddPermissionRequest, RemovePermissionRequest } from '@aws-sdk/client-sqs';
import { invalidValue } from './errors';
import type { Queue } from './queue';

interface Policy {
  Version: string;
  Id: string;
  Statement: ({ Sid?: string } & Record<string, unknown>)[];
}

/** Adds a statement to the policy of a queue. The model stores policies and does not apply them. */
export function addPermission(queue: Queue, { Label = '', AWSAccountIds = [], Actions = [] }: AddPermissionRequest) {
  const policy = policyOf(queue);
  if (policy.Statement.some(({ Sid }) => Sid === Label)) throw invalidValue('Label', Label, 'Already exists.');
  const statement = {
    Sid: Label,
    Effect: 'Allow',
    Principal: { AWS: oneOrAll(AWSAccountIds.map((account) => `arn:aws:iam::${account}:root`)) },
    Action: oneOrAll(Actions.map((action) => `SQS:${action}`)),
    Resource: queue.arn,
  };
  write(queue, { ...policy, Statement: [...policy.Statement, statement] });
}

export function removePermission(queue: Queue, { Label = '' }: RemovePermissionRequest): void {
  const policy = policyOf(queue);
  const left = policy.Statement.filter(({ Sid }) => Sid !== Label);
  if (left.length === policy.Statement.length) throw invalidValue('Label', Label, "can't find label.");
  write(queue, { ...policy, Statement: left });
}

const policyOf = ({ arn, attributes: { Policy } }: Queue): Policy =>
  Policy ? JSON.parse(Policy) : { Version: '2008-10-17', Id: `${arn}/SQSDefaultPolicy`, Statement: [] };

function write(queue: Queue, policy: Policy): void {
  const { Policy: _before, ...attributes } = queue.attributes;
  queue.attributes = policy.Statement.length > 0 ? { ...attributes, Policy: JSON.stringify(policy) } : attributes;
}

const oneOrAll = (values: string[]): string | string[] | undefined => (values.length === 1 ? values[0] : values);
