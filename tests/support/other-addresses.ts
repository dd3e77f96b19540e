import { networkInterfaces } from 'node:os';

/** The addresses of this machine other than 127.0.0.1 on which something answers at this port. */
export async function openElsewhere(port: string): Promise<string[]> {
  const others = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address),
  );
  const answers = others.map((host) => fetch(`http://${host}:${port}`).catch(() => undefined));
  const answered = await Promise.all(answers);
  return others.filter((_, n) => answered[n] !== undefined);
}
