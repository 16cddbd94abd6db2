export { clientErrorOf, tellRetryAfter } from './client-error.js';
export { CoordinationExceptionFilter } from './coordination-exception.filter.js';
export { addGatewayFilters } from './gateway-exception.filter.js';
export { addGraphqlBoundaries } from './graphql-boundary.js';
export { httpAnswerOf, httpResponseOf } from './http-response.js';
export { addMessageBoundaries, eventOf, markUnderAppConfig } from './message-boundary.interceptor.js';
export { addRefusalWitness } from './refusal-witness.js';
export { refusals } from './refusals.js';
