import { eventBus } from '../lib/jobs/keys';
import type { Context } from './context';
import { EVENT_BUS_ID } from './logical-id';
import { allow, type Statement } from './statements';
import { arn, type Fragment } from './template';

const busOf = (context: Context): string => eventBus(context.instance, context.eventBus);

/** The instance's own bus. Consumers add their rules to it. */
export function eventBusResources(context: Context): Fragment {
  if (context.eventBus !== 'own') return { Resources: {}, Outputs: {} };
  return {
    Resources: {
      [EVENT_BUS_ID]: { Type: 'AWS::Events::EventBus', Properties: { Name: busOf(context) } },
    },
    Outputs: { JobEventsName: { Description: 'Bus of the ends of jobs', Value: { Ref: EVENT_BUS_ID } } },
  };
}

/** What a function needs to publish the ends of jobs. */
export function publishStatements(context: Context): Statement[] {
  const bus = busOf(context);
  if (bus === '') return [];
  return [allow('Publish', ['events:PutEvents'], bus.startsWith('arn:') ? bus : arn('events', `event-bus/${bus}`))];
}
