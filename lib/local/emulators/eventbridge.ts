import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import type { Emulator } from '../loopback';
import { close, listen } from '../loopback';

/** An event as a consumer of the bus gets it. */
export interface TakenEvent {
  id: string;
  source: string;
  'detail-type': string;
  time: string;
  detail: unknown;
}

/** What our adapter puts. */
interface Entry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
  /** Seconds since 1970. */
  Time: number;
}

/** Starts EventBridge in memory, with these buses. It keeps the last thousand events and has no rules. */
export async function startEventBridge({
  buses,
  port = 0,
}: {
  buses: readonly string[];
  port?: number;
}): Promise<Emulator & { events: TakenEvent[] }> {
  const events: TakenEvent[] = [];

  function put({ EventBusName, Source: source, DetailType, Detail, Time }: Entry): object {
    if (!buses.includes(EventBusName)) return { ErrorCode: 'ResourceNotFoundException' };
    const id = randomUUID();
    const [time, detail] = [new Date(Time * 1000).toISOString(), JSON.parse(Detail) as unknown];
    events.push({ id, source, 'detail-type': DetailType, time, detail });
    events.splice(0, events.length - 1_000);
    return { EventId: id };
  }

  const server = createServer((request, response) => {
    json(request)
      .then((body) => {
        const Entries = (body as { Entries: Entry[] }).Entries.map(put);
        const FailedEntryCount = Entries.filter((entry) => 'ErrorCode' in entry).length;
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify({ FailedEntryCount, Entries }));
      })
      .catch(() => response.destroy());
  });
  const url = await listen(server, port);
  return { url, events, close: () => close(server) };
}
