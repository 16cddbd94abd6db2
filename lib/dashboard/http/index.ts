export { type EventStream, Exchange, type PlatformRequest, type PlatformResponse } from './exchange.js';
export { cookieWith, forgeryIn, isFromElsewhere, newToken, tokenFrom } from './forgery.js';
