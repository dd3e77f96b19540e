import http from 'node:http';
import { fakesControl } from '../../../packages/local/fakes/server';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { close, listen } from '../../../packages/local/loopback';

test('a command takes a fake vendor down, and another one brings it back, though its port is closed meanwhile', async () => {
  const zendesk = await startFakeZendesk();
  const server = http.createServer(fakesControl({ zendesk }));
  const control = `${await listen(server, 0)}/fakes`;
  const calls = () =>
    fetch(`${zendesk.url}/tickets`).then(
      ({ status }) => status,
      () => 'refused',
    );
  const order = async (method: string, body?: string) =>
    (await fetch(`${control}/zendesk`, { method, ...(body === undefined ? {} : { body }) })).status;

  const told = [await calls(), await order('POST', '{"down":true}'), await calls()];
  const page = await (await fetch(control)).text();
  told.push(await order('DELETE'), await calls(), await order('POST', '{"state":503}'));
  await Promise.all([zendesk.close(), close(server)]);

  expect(told).toEqual([401, 204, 'refused', 204, 401, 400]);
  expect(page).toMatch(/DELETE \/fakes\/zendesk[\s\S]+\ndown +refuses all connections/);
});
