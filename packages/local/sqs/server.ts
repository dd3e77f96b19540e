import { createServer } from 'node:http';
import { answering, reply } from '../fakes/server';
import { close, type Emulator, listen } from '../loopback';
import type { SqsModel } from './model';
import { SqsError } from './queue';

/** Serves a model over AWS's JSON protocol for SQS. It answers each receive at once, because no caller of ours waits. */
export async function startSqs(model: SqsModel, port = 0): Promise<Emulator> {
  const listener = answering(async ({ headers }, body) => {
    const [, name = ''] = String(headers['x-amz-target']).split('AmazonSQS.');
    const action = `${name.charAt(0).toLowerCase()}${name.slice(1)}` as keyof SqsModel['actions'];
    try {
      if (!Object.hasOwn(model.actions, action)) throw new SqsError('UnknownOperationException', 'It is unknown.');
      // The clients check their input themselves.
      const result = model.actions[action](JSON.parse(body || '{}') as never) ?? {};
      // A client may call the URLs that it gets.
      const here = (of: string): string => of.replace(/^https:\/\/[^/]+/, url);
      const shown = Object.entries(result).map(([name, value]) => {
        if (!/^queueUrls?$/i.test(name)) return [name, value];
        return [name, Array.isArray(value) ? value.map(here) : here(value)];
      });
      return reply(200, Object.fromEntries(shown));
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      return reply(400, { __type: `com.amazonaws.sqs#${error.code}`, message: error.message });
    }
  });
  const server = createServer(listener);
  const url = await listen(server, port);
  return { url, close: () => close(server) };
}
