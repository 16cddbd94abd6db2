import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

const ADDRESSES = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
const HOSTS = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Lets this machine in, and nobody else: a sample has no users who could sign in. Another name than the machine's own is refused, as
 * a site of the web may have its name lead to 127.0.0.1. An application behind a proxy on the same machine must not use this: every
 * request comes from the proxy.
 */
@Injectable()
export class LoopbackGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { socket, headers } = context.switchToHttp().getRequest<IncomingMessage>();
    const host = (headers.host ?? '').replace(/:\d+$/, '');
    return ADDRESSES.has(socket.remoteAddress ?? '') && HOSTS.has(host);
  }
}
