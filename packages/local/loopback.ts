import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { guarded } from './guard.cjs';

export interface Emulator {
  url: string;
  close(): Promise<void>;
}

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

export const queueArn = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;

/** The SDK signs every request, but no emulator checks the signature. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** Only this machine may connect, because the emulators accept any credentials. */
const HOST = '127.0.0.1';

/** Starts a server on 127.0.0.1 and resolves to its URL. Port 0 takes any free port. */
export async function listen(server: http.Server, port: number): Promise<string> {
  guarded(server);
  server.listen(port, HOST);
  await once(server, 'listening');
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
}

export const close = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

/** What listens on a port. The first is the HTTP API. */
const LISTENERS = ['api', 'sqs', 'dynamodb', 's3', 'zendesk', 'sendgrid', 'appStoreConnect', 'discord'] as const;
const MOST = 65_536 - LISTENERS.length;

export type Ports = Record<(typeof LISTENERS)[number], number>;

/** Reads the API's port from PORT, 3000 by default. Throws a sentence for the user if PORT is not one. */
export function portFrom(text: string | undefined): number {
  const port = Number(text || 3000);
  if (!Number.isInteger(port) || port < 0 || port > MOST)
    throw new Error(`PORT must be a number from 0 (any free ports) to ${MOST}: the service uses ${LISTENERS.length}.`);
  return port;
}

/** A port for each listener: the first and those after it, so that other projects can keep them. 0: any free ports. */
export const portsFrom = (first: number): Ports =>
  Object.fromEntries(LISTENERS.map((name, index) => [name, first === 0 ? 0 : first + index])) as Ports;

/** Throws a sentence for the user if the port cannot be used, before the service spends time on starting. */
export async function checkPort(port: number, first = port): Promise<void> {
  const server = http.createServer();
  await listen(server, port).catch(({ code }: NodeJS.ErrnoException) => {
    const why = code === 'EADDRINUSE' ? 'is in use. Stop the process that uses it' : `cannot be used (${code})`;
    throw new Error(`Port ${port} ${why}. Choose other ports: PORT=${first + 100} npm start`);
  });
  await close(server);
}
