import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/*
 * A request that changes something has to come from the page itself. The page has a random token, which the browser also keeps in a
 * cookie that no script can read and no other site sends along. Both have to arrive: the token in a header, and the cookie. As the
 * server keeps nothing, the request may be answered by another replica than the page.
 */

const COOKIE = 'coordination-token';
export const TOKEN_HEADER = 'x-coordination-token';
const TOKEN = /^[\w-]{43}$/;

/** The token that the browser has, so that a page in another tab goes on working. */
export function tokenFrom(headers: IncomingHttpHeaders): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    if (name === COOKIE && TOKEN.test(value)) return value;
  }
  return undefined;
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The path of the page is left to the browser, as a proxy may have changed it. */
export function cookieWith(token: string, secure: boolean): string {
  return `${COOKIE}=${token}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}

/** @returns why the request is not from the page; undefined when it is */
export function forgeryIn(headers: IncomingHttpHeaders): string | undefined {
  if (isFromElsewhere(headers) ?? true)
    return 'The request did not come from the page itself: break the lock from the page, with a browser that says where a request is from';
  const sent = headers[TOKEN_HEADER];
  const kept = tokenFrom(headers);
  if (typeof sent === 'string' && kept !== undefined && isEqual(sent, kept)) return undefined;
  return 'The page is out of date: reload it, and break the lock again';
}

/**
 * Whether a page of another origin has sent the request, as the browser tells; undefined when the browser does not tell. Behind a proxy
 * the host is the one that the proxy was asked for.
 */
export function isFromElsewhere(headers: IncomingHttpHeaders): boolean | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin } = headers;
  if (origin === undefined) return undefined;
  const hosts = [headers.host, headers[':authority'], headers['x-forwarded-host']];
  return !hosts.includes(hostOf(origin));
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
