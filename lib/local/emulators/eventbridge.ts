import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
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

const entrySchema = z.object({
  EventBusName: z.string(),
  Source: z.string(),
  DetailType: z.string(),
  Detail: z.string(),
  Time: z.number().optional(),
});

/** Starts EventBridge in memory, with these buses. It keeps the last thousand events and has no rules. */
export async function startEventBridge({
  buses,
  port = 0,
}: {
  buses: readonly string[];
  port?: number;
}): Promise<Emulator & { events: TakenEvent[] }> {
  const events: TakenEvent[] = [];

  function put({ EventBusName, Source, DetailType, Detail, Time }: z.infer<typeof entrySchema>): object {
    if (!buses.includes(EventBusName)) return { ErrorCode: 'ResourceNotFoundException' };
    const id = randomUUID();
    const time = new Date(Time === undefined ? Date.now() : Time * 1000).toISOString();
    events.push({ id, source: Source, 'detail-type': DetailType, time, detail: JSON.parse(Detail) as unknown });
    events.splice(0, events.length - 1_000);
    return { EventId: id };
  }

  const server = createServer((request, response) => {
    json(request)
      .then((body) => {
        const Entries = z
          .object({ Entries: z.array(entrySchema) })
          .parse(body)
          .Entries.map(put);
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
        const FailedEntryCount = Entries.filter((entry) => 'ErrorCode' in entry).length;
        response.end(JSON.stringify({ FailedEntryCount, Entries }));
      })
      .catch(() => response.writeHead(400).end('{"__type":"ValidationException"}'));
  });
  const url = await listen(server, port);
  return { url, events, close: () => close(server) };
}
