import { createServer } from 'node:http';
import { close, listen } from '../../packages/local/loopback';

/** An STS that answers every request with the caller's account. */
export async function startSts(account: string) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/xml' }).end(
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
        <Arn>arn:aws:iam::${account}:user/operator</Arn><UserId>operator</UserId><Account>${account}</Account>
      </GetCallerIdentityResult></GetCallerIdentityResponse>`,
    );
  });
  return { url: await listen(server, 0), close: () => close(server) };
}
