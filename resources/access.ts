import { operatorStatements, producerStatements, readerStatements } from './access-statements';
import type { Instance } from './instances/instance';
import { type Fragment, merge, principalArn, type Resource } from './template';

/** The managed policies of people and services. Each has the logical id `{who}Policy`, which never changes. */
const POLICIES = {
  Producer: { about: 'programs that send jobs', statements: producerStatements },
  Reader: { about: 'people who read the state of jobs', statements: readerStatements },
  Operator: { about: 'people who run our commands', statements: operatorStatements },
};

/** The policies, and the role of the API if the instance's file trusts someone with it. */
export function accessResources(of: Instance): Fragment {
  const policies = Object.entries(POLICIES).map(([who, { about, statements }]): Fragment => {
    const PolicyDocument = { Version: '2012-10-17', Statement: statements(of) };
    const Properties = { ManagedPolicyName: named(of.name, who.toLowerCase()), PolicyDocument };
    return {
      Resources: { [`${who}Policy`]: { Type: 'AWS::IAM::ManagedPolicy', Properties } },
      Outputs: { [`${who}PolicyArn`]: { Description: `Policy for ${about}`, Value: { Ref: `${who}Policy` } } },
    };
  });
  const trusted = of.settings.access?.api;
  const role: Fragment = trusted
    ? {
        Resources: { ApiRole: apiRole(of, trusted) },
        Outputs: { ApiRoleArn: { Description: 'Role of the API', Value: { 'Fn::GetAtt': ['ApiRole', 'Arn'] } } },
      }
    : {};
  return merge([...policies, role]);
}

/** An account has the names of policies and roles once for all regions. */
const named = (instance: string, what: string) => ({ 'Fn::Sub': `${instance}-${what}-\${AWS::Region}` });

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
      ManagedPolicyArns: [{ Ref: 'ProducerPolicy' }],
    },
  };
}
