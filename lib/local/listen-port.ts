import { once } from 'node:events';
import { createServer } from 'node:net';

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

/** Throws a sentence for the user if the port is taken, before the service spends time on starting. */
export async function checkPort(port: number, first = port): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const advice = `Choose other ports: PORT=${first + 100} npm start`;
    if (code === 'EADDRINUSE') throw new Error(`Port ${port} is in use. Stop the process that uses it. ${advice}`);
    if (code === 'EACCES') throw new Error(`You may not use port ${port}. ${advice}`);
    throw error;
  } finally {
    server.close();
  }
}
