// An OpenID provider on 127.0.0.1 for the login tests, with its own login and consent pages.
//
//   node server.mjs [--code-seconds N]
//
// Prints its address when it is ready, and ends when standard input does, so that it outlives no test.

import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : Number(process.argv[at + 1]);
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'halosync-desk',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['http://127.0.0.1/callback'],
      },
    ],
    features: { revocation: { enabled: true } },
    // A refresh token is good for one use; one used again ends the whole grant.
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 600,
      AuthorizationCode: option('code-seconds') ?? 60,
      Grant: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 600,
    },
    cookies: { keys: ['only for tests'] },
  });
  server.on('request', provider.callback());
  process.stdout.write(`ready ${issuer}\n`);
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
