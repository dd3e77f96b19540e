import { once } from 'node:events';
import { createServer } from 'node:net';

const DEFAULT_PORT = 3000;

/** The API's port from PORT; throws a sentence where that is no port. */
export function portFrom(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error('PORT must be a number from 0 (any free port) to 65535.');
  return port;
}

/** Throws a sentence where something listens on the port already, before any time is spent. */
export async function checkPort(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new Error(
        `Port ${port} is in use. Stop what listens there, or choose another one: PORT=${port + 1} npm start`,
      );
    if (code === 'EACCES')
      throw new Error(`Port ${port} may not be used here. Choose another one: PORT=3000 npm start`);
    throw error;
  } finally {
    server.close();
  }
}
