import type { Place } from '../locks/index.js';

export type Platform = 'express' | 'fastify';

/** How the measured handler is protected. */
export type Protection =
  | { readonly kind: 'nothing' | 'interceptor' | 'module' | 'decorator' }
  /** A lock of that kind, taken and given back by the handler itself. */
  | { readonly kind: 'by hand'; readonly lock: string };

/** What a process is to serve. */
export interface AppTerms {
  readonly platform: Platform;
  readonly protection: Protection;
  readonly place: Place;
}

/** The route that is measured. */
export function routeOf({ kind }: Protection): string {
  if (kind === 'by hand') return 'by-hand';
  return kind === 'decorator' ? 'decorated' : 'plain';
}
