import type { Instance } from '../lib/instances/instance';
import { producerSettingsOf } from '../lib/instances/producer';
import { producerParameter } from '../lib/jobs/keys';
import { PRODUCER_PARAMETER_ID } from './logical-id';
import type { Fragment } from './template';

/** The SSM parameter from which a producer reads its settings. It holds names and no secret, so it needs no encryption. */
export const producerParameterResources = (instance: Instance): Fragment => ({
  Resources: {
    [PRODUCER_PARAMETER_ID]: {
      Type: 'AWS::SSM::Parameter',
      Properties: {
        Name: producerParameter(instance.name),
        Description: 'What a producer of jobs needs to know',
        Type: 'String',
        Value: { 'Fn::Sub': JSON.stringify(producerSettingsOf(instance, `\${AWS::AccountId}`)) },
      },
    },
  },
  Outputs: {
    ProducerParameterName: { Description: 'Settings of the producers', Value: { Ref: PRODUCER_PARAMETER_ID } },
  },
});
