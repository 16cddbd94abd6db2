export type { PgClient, PgClients } from './pg-client.js';
export { pgClients, type PgSource } from './pg-clients.js';
export { Server, type ServerSettings } from './server.js';
export { missingFunctions, missingRights, RIGHTS } from './session.js';
