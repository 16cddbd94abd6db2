import { type BackendUrl, onlyOne } from '../../backend-url.js';
import { Secret } from '../../secret.js';

export const POSTGRES_SCHEMES = ['postgres', 'postgresql'] as const;

/** The query keys of a URL that pg reads. */
export const PG_KEYS = [
  'application_name',
  'client_encoding',
  'connect_timeout',
  'dbname',
  'host',
  'keepalives',
  'options',
  'password',
  'port',
  'query_timeout',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslrootcert',
  'statement_timeout',
  'user',
  'uselibpqcompat',
] as const;

/**
 * The URL for pg, without the keys that are meant for this package.
 * @throws an Error with one line, which quotes nothing that may be a password
 */
export function postgresUrl(
  urls: readonly BackendUrl[],
  query: ReadonlyMap<string, string>,
): Secret | undefined {
  if (urls.length === 0) return undefined;
  const { scheme, rest } = onlyOne(urls);
  if (!rest.startsWith('//')) throw new Error(`a host is missing; write ${scheme}://host:5432/database`);
  const [authority = ''] = rest.slice(2).split('/');
  if (authority.split('@').length > 2 || rest.slice(2 + authority.length).includes('@'))
    throw new Error(
      'there is an "@" in user, password or database; percent-encode the characters : / ? # @ , % there',
    );
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(','))
    throw new Error(
      'there are several hosts; give one, a name or an address that follows the primary: rows of two servers are not one lock',
    );
  const parameters = new URLSearchParams(
    PG_KEYS.flatMap((key): [string, string][] => {
      const value = query.get(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const text = `postgresql:${rest}${parameters.size > 0 ? `?${parameters.toString()}` : ''}`;
  if (!URL.canParse(text.replace('postgresql:///', 'postgresql://localhost/')))
    throw new Error(`is not a URL; write ${scheme}://user:password@host:5432/database`);
  return new Secret(text);
}
