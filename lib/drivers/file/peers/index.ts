export { Peers } from './peers.js';
export { type Holder, WakeServer } from './wake-server.js';
