/** Plain JavaScript, because the thread of DynamoDB starts without a compiler. */
const OWN = ['127.0.0.1', 'localhost'];

/**
 * Lets a server answer only programs and pages of this machine: the emulators accept any credentials, and theirs allow
 * pages of any origin.
 */
exports.guarded = (server) => {
  const emit = server.emit.bind(server);
  // In place of a listener, because servers get theirs before and after this.
  server.emit = (event, ...values) => {
    const [request, response] = values;
    if (event !== 'request' || isFromHere(request)) return emit(event, ...values);
    response.writeHead(403).end('This address answers only programs and pages of this machine.');
    return true;
  };
  return server;
};

/** Refuses a page's requests by their host, which DNS rebinding makes the attacker's, or by their origin. */
function isFromHere({ headers: { host, origin } }) {
  const nameOf = (address) => (URL.canParse(address) ? new URL(address).hostname : '');
  return OWN.includes(nameOf(`http://${host}`)) && (origin === undefined || OWN.includes(nameOf(origin)));
}
