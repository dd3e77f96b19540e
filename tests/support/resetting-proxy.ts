import http from 'node:http';
import { close, listen } from '../../lib/local/loopback';

/** Passes requests on to `target`. It resets those that `resets` names before they have any effect. */
export async function resettingProxy(target: string, resets: () => boolean) {
  const server = http.createServer((request, response) => {
    if (resets()) {
      request.socket.destroy();
      return;
    }
    const { method, headers, url = '/' } = request;
    const onward = http.request(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return { url: await listen(server, 0), close: () => close(server) };
}
