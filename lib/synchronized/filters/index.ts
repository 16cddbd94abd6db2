export { clientErrorOf, grpcStatusOf, tellRetryAfter } from './client-error.js';
export { CoordinationExceptionFilter } from './coordination-exception.filter.js';
export { addGatewayFilters } from './gateway-exception.filter.js';
export { guardGraphqlSchemas } from './graphql-schema.js';
export { type GrpcStreamCall, grpcStreamCallOf } from './grpc-stream-call.js';
export { httpAnswerOf, httpResponseOf } from './http-response.js';
export { addMessageBoundaries, eventOf, markUnderAppConfig } from './message-boundary.interceptor.js';
export { addRefusalWitness } from './refusal-witness.js';
export { refusals } from './refusals.js';
