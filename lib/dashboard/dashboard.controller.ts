import { Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { BackendUnavailableError } from '../errors.js';
import { quoted } from '../common/quoted.js';
import { LOCK_KINDS, type LockKind } from '../inspection/index.js';
import { Dashboard } from './dashboard.js';
import {
  cookieWith,
  Exchange,
  forgeryIn,
  isFromElsewhere,
  newToken,
  type PlatformRequest,
  type PlatformResponse,
  tokenFrom,
} from './http/index.js';
import { pageOf, policyOf } from './page/index.js';

const [LONGEST_REASON, LONGEST_SEARCH] = [200, 200];

/** The routes of the page; the module gives them their path and the guard. */
export class DashboardController {
  constructor(@Inject(Dashboard) private readonly dashboard: Dashboard) {}

  @Get()
  page(@Req() request: PlatformRequest, @Res() response: PlatformResponse): void {
    const exchange = new Exchange(request, response);
    const nonce = randomBytes(16).toString('base64');
    const token = tokenFrom(exchange.headers) ?? newToken();
    exchange.send(200, pageOf({ title: this.dashboard.title, nonce, token }), {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOf(nonce),
      'set-cookie': cookieWith(token, exchange.secure),
    });
  }

  /** The data of the page, as JSON. */
  @Get('data')
  async data(
    @Req() request: PlatformRequest,
    @Res() response: PlatformResponse,
    @Query('q') search: unknown,
  ): Promise<void> {
    const exchange = new Exchange(request, response);
    if (isFromElsewhere(exchange.headers)) return refuse(exchange);
    exchange.json(200, await this.dashboard.view(searchOf(search)));
  }

  /** The data of the page once a second, as server-sent events. */
  @Get('events')
  events(
    @Req() request: PlatformRequest,
    @Res() response: PlatformResponse,
    @Query('q') search: unknown,
  ): void {
    const exchange = new Exchange(request, response);
    if (isFromElsewhere(exchange.headers)) return refuse(exchange);
    if (this.dashboard.show(() => exchange.stream(), searchOf(search))) return;
    exchange.answer(503, { message: 'The application stops.' });
  }

  @Post('break')
  async break(
    @Req() request: PlatformRequest & { readonly body?: unknown },
    @Res() response: PlatformResponse,
  ): Promise<void> {
    const exchange = new Exchange(request, response);
    const forgery = forgeryIn(exchange.headers);
    if (forgery !== undefined) return exchange.answer(403, { message: forgery });
    const asked = askedIn(request.body);
    if (typeof asked === 'string') return exchange.answer(400, { message: asked });
    try {
      if (await this.dashboard.break(asked.name, asked)) exchange.answer(200, { broken: true });
      else exchange.answer(409, { message: `No member holds ${quoted(asked.name)} any more.` });
    } catch (error) {
      const status = error instanceof BackendUnavailableError ? 503 : 500;
      exchange.answer(status, { message: error instanceof Error ? error.message : String(error) });
    }
  }
}

interface Asked {
  readonly name: string;
  readonly kind: LockKind;
  readonly reason: string;
}

/** @returns the request, or the problem with it */
function askedIn(body: unknown): Asked | string {
  const { name, kind, reason } = (body ?? {}) as { readonly [Key in keyof Asked]?: unknown };
  if (typeof name !== 'string' || name === '') return 'The body must be JSON and have the name of a lock.';
  if (typeof reason !== 'string' || reason.trim() === '') return 'A reason is needed.';
  const known = LOCK_KINDS.find((each) => each === (kind ?? 'lock'));
  if (known === undefined) return `There is no such kind of lock; known are ${LOCK_KINDS.join(', ')}.`;
  return { name, kind: known, reason: reason.trim().slice(0, LONGEST_REASON) };
}

function refuse(exchange: Exchange): void {
  exchange.answer(403, { message: 'Only the page itself may ask for its data.' });
}

function searchOf(search: unknown): string {
  return typeof search === 'string' ? search.trim().slice(0, LONGEST_SEARCH) : '';
}
