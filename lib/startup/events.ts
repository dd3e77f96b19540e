import { eventSource, realEvents } from '../aws/events';
import { putEvents } from '../aws/put-events';
import type { CommonConfig } from '../config/common';
import type { Events } from '../ports';

/** Where a function publishes the ends of jobs, if the instance has a bus. */
export const publishedEvents = ({ EVENT_BUS, INSTANCE }: CommonConfig): Events | undefined =>
  EVENT_BUS === undefined ? undefined : realEvents({ bus: EVENT_BUS, source: eventSource(INSTANCE), load: putEvents });
