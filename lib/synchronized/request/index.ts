export { holdUntilEnd, keepsForRequest, wantRequestHolds } from './hold-until-end.js';
export { RequestHold } from './request-hold.js';
