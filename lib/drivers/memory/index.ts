export { memoryBackend, unnamedSpace } from './memory.backend.js';
