export { viewOf, type Viewpoint } from './view.js';
