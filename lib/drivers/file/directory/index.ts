export { DirectoryGuard } from './directory-guard.js';
export { Instance, Instances } from './instance.js';
export { SocketFolder } from './socket-folder.js';
export { StateDirectory } from './state-directory.js';
export { TokenFloor } from './token-floor.js';
