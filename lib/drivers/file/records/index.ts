export { FileRecords } from './file-records.js';
export { isRecordOrDraft, sweepRecord } from './record-file.js';
