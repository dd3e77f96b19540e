import type { Instance } from '../lib/instances/instance';
import { operatorStatements, producerStatements, readerStatements } from './access-statements';
import { API_ROLE_ID, OPERATOR_POLICY_ID, PRODUCER_POLICY_ID, READER_POLICY_ID } from './logical-id';
import type { Statement } from './statements';
import { type Fragment, principalArn, type Resource } from './template';

/** The managed policies of people and services, and the role of the API if the instance's file trusts someone with it. */
export function accessResources(of: Instance): Fragment {
  const policies = {
    [PRODUCER_POLICY_ID]: policy(of, 'producer', producerStatements(of)),
    [READER_POLICY_ID]: policy(of, 'reader', readerStatements(of)),
    [OPERATOR_POLICY_ID]: policy(of, 'operator', operatorStatements(of)),
  };
  const trusted = of.settings.access?.api;
  const role = trusted && { [API_ROLE_ID]: apiRole(of, trusted) };
  return {
    Resources: { ...policies, ...role },
    Outputs: {
      ProducerPolicyArn: { Description: 'Policy for programs that send jobs', Value: { Ref: PRODUCER_POLICY_ID } },
      ReaderPolicyArn: {
        Description: 'Policy for people who read the state of jobs',
        Value: { Ref: READER_POLICY_ID },
      },
      OperatorPolicyArn: { Description: 'Policy for people who run our commands', Value: { Ref: OPERATOR_POLICY_ID } },
      ...(role && { ApiRoleArn: { Description: 'Role of the API', Value: { 'Fn::GetAtt': [API_ROLE_ID, 'Arn'] } } }),
    },
  };
}

/** An account has the names of policies and roles once for all regions. */
const named = (instance: string, what: string) => ({ 'Fn::Sub': `${instance}-${what}-\${AWS::Region}` });

const policy = ({ name }: Instance, what: string, Statement: Statement[]): Resource => ({
  Type: 'AWS::IAM::ManagedPolicy',
  Properties: {
    ManagedPolicyName: named(name, what),
    PolicyDocument: { Version: '2012-10-17', Statement },
  },
});

function apiRole({ name }: Instance, trusted: string[]): Resource {
  const services = trusted.filter((principal) => principal.endsWith('.amazonaws.com'));
  const identities = trusted.filter((principal) => !services.includes(principal)).map(principalArn);
  const allow = { Effect: 'Allow', Action: 'sts:AssumeRole' };
  // A service acts for many accounts. The condition holds for work of this one only.
  const ofThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
  const Statement = [
    ...(services.length > 0 ? [{ ...allow, Principal: { Service: services }, Condition: ofThisAccount }] : []),
    ...(identities.length > 0 ? [{ ...allow, Principal: { AWS: identities } }] : []),
  ];
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: named(name, 'api'),
      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement },
      ManagedPolicyArns: [{ Ref: PRODUCER_POLICY_ID }],
    },
  };
}
