// A real OpenID provider for the tests: anybody signs in as whoever they type, with any password.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { modules, issuer, port, clients, people } = JSON.parse(process.env.PROVIDER);
const { Provider } = await import(pathToFileURL(createRequire(modules).resolve('oidc-provider')));
const provider = new Provider(issuer, {
  clients,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  cookies: { keys: ['only for tests'] },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
