import {
  type LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { StoreError } from '../errors';
import { type Mappings, NO_MAPPING } from '../ports';
import { guarded } from './store-error';

const lambda = guarded('Lambda');

/** The event source mapping of each queue through the AWS SDK. `queueArn`: the ARN of a queue in SQS. */
export function realMappings(client: LambdaClient, queueArn: (queue: string) => string): Mappings {
  async function mappingOf(queue: string) {
    const asked = new ListEventSourceMappingsCommand({ EventSourceArn: queueArn(queue) });
    const { EventSourceMappings } = await lambda('ListEventSourceMappings', () => client.send(asked));
    return EventSourceMappings?.[0];
  }

  return {
    async isOn(queue) {
      const mapping = await mappingOf(queue);
      return mapping && !(mapping.State ?? '').startsWith('Disabl');
    },

    async set(queue, on) {
      const mapping = await mappingOf(queue);
      if (!mapping) throw new StoreError({ code: NO_MAPPING, message: `${queue} has no event source mapping` });
      const changed = new UpdateEventSourceMappingCommand({ UUID: mapping.UUID, Enabled: on });
      await lambda('UpdateEventSourceMapping', () => client.send(changed));
    },
  };
}
