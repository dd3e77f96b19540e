import { once } from 'node:events';
import { createServer } from 'node:net';

const DEFAULT_PORT = 3000;

/** Reads the API's port from PORT. Throws a sentence for the user if PORT is not a port. */
export function portFrom(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error('PORT must be a number from 0 (any free port) to 65535.');
  return port;
}

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

export type Ports = Record<(typeof LISTENERS)[number], number>;

/** A port for each listener: the first one and those behind it, so that other projects can keep them. 0 takes any free ports. */
export function portsFrom(first: number): Ports {
  if (first > 65_536 - LISTENERS.length)
    throw new Error(`PORT must be at most ${65_536 - LISTENERS.length}: the service uses ${LISTENERS.length} ports.`);
  const ports = LISTENERS.map((name, index) => [name, first === 0 ? 0 : first + index] as const);
  return Object.fromEntries(ports) as Ports;
}

/** Throws a sentence for the user if the port is taken, before the service spends time on starting. */
export async function checkPort(port: number, first = port): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new Error(
        `Port ${port} is in use. Stop the process that uses it, or choose other ports: PORT=${first + 100} npm start`,
      );
    if (code === 'EACCES') throw new Error(`You may not use port ${port}. Choose another port: PORT=3000 npm start`);
    throw error;
  } finally {
    server.close();
  }
}
