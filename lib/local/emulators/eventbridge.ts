import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { close, listen } from '../loopback';
import type { Emulator } from './emulator';

/** An event as a consumer of the bus gets it. */
export interface TakenEvent {
  id: string;
  source: string;
  'detail-type': string;
  time: string;
  detail: unknown;
}

const putEvents = z.object({
  Entries: z.array(
    z.object({
      EventBusName: z.string(),
      Source: z.string(),
      DetailType: z.string(),
      Detail: z.string(),
      Time: z.number().optional(),
    }),
  ),
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

  function put(body: unknown): object | undefined {
    const parsed = putEvents.safeParse(body);
    if (!parsed.success) return undefined;
    const Entries = parsed.data.Entries.map(({ EventBusName, Source, DetailType, Detail, Time }) => {
      if (!buses.includes(EventBusName)) return { ErrorCode: 'ResourceNotFoundException' };
      const id = randomUUID();
      const time = new Date(Time === undefined ? Date.now() : Time * 1000).toISOString();
      events.push({ id, source: Source, 'detail-type': DetailType, time, detail: JSON.parse(Detail) as unknown });
      events.splice(0, events.length - 1_000);
      return { EventId: id };
    });
    return { FailedEntryCount: Entries.filter((entry) => 'ErrorCode' in entry).length, Entries };
  }

  const server = createServer((request, response) => {
    const reply = (answer: object | undefined) => {
      response.writeHead(answer ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer ?? { __type: 'ValidationException', message: 'Only PutEvents is known.' }));
    };
    const known = request.headers['x-amz-target'] === 'AWSEvents.PutEvents';
    json(request).then(
      (body) => reply(known ? put(body) : undefined),
      () => reply(undefined),
    );
  });
  const url = await listen(server, port);
  return { url, events, close: () => close(server) };
}
