import { createServer } from 'node:http';
import { close, listen } from './loopback';

/** What listens on a port. The first is the HTTP API. */
const LISTENERS = [
  'api',
  'sqs',
  'dynamodb',
  's3',
  'zendesk',
  'sendgrid',
  'appStoreConnect',
  'discord',
  'eventbridge',
] as const;
const MOST = 65_536 - LISTENERS.length;

export type Ports = Record<(typeof LISTENERS)[number], number>;

/** Reads the API's port from PORT, 3000 by default. Throws a sentence for the user if PORT is not one. */
export function portFrom(text: string | undefined): number {
  const port = Number(text || 3000);
  if (!Number.isInteger(port) || port < 0 || port > MOST)
    throw new Error(`PORT must be a number from 0 (any free ports) to ${MOST}: the service uses ${LISTENERS.length}.`);
  return port;
}

/** A port for each listener: the first one and those behind it, so that other projects can keep them. 0 takes any free ports. */
export const portsFrom = (first: number): Ports =>
  Object.fromEntries(LISTENERS.map((name, index) => [name, first === 0 ? 0 : first + index])) as Ports;

/** Throws a sentence for the user if the port cannot be used, before the service spends time on starting. */
export async function checkPort(port: number, first = port): Promise<void> {
  const server = createServer();
  await listen(server, port).catch(({ code }: NodeJS.ErrnoException) => {
    const why = code === 'EADDRINUSE' ? 'is in use. Stop the process that uses it' : `cannot be used (${code})`;
    throw new Error(`Port ${port} ${why}. Choose other ports: PORT=${first + 100} npm start`);
  });
  await close(server);
}
