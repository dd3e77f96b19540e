import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
  type PutEventsCommandOutput,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { clientDefaults } from './clients';

export type PutEvent = (entry: PutEventsRequestEntry) => Promise<PutEventsCommandOutput>;

/** Puts one event at a time. */
export function putEvents(config: EventBridgeClientConfig = clientDefaults): PutEvent {
  const client = new EventBridgeClient(config);
  return (entry) => client.send(new PutEventsCommand({ Entries: [entry] }));
}
