import { crc32 } from 'node:zlib';

/** The holder of a lock, as the lock's file tells other processes. */
export interface OwnerRecord {
  readonly pid: number;
  readonly memberId: string;
  readonly grantId: string;
  /** The socket of the holder's driver; see `socket-folder.ts` and `wake-server.ts`. */
  readonly socket: string;
  /** The lock's name, cut where it is long: for people only, not for comparing. */
  readonly name: string;
  /** Only in the record of an instance: which folder its driver uses for locks. */
  readonly place?: string;
  /** The same for the folder of tickets and shares. */
  readonly queues?: string;
}

/** The valid slot, without its text. */
interface RecordSlot {
  readonly slot: 0 | 1;
  /** Begins at 1. */
  readonly sequence: number;
  /** The largest fencing token so far; 0 when there was none. */
  readonly counter: number;
}

export interface StoredRecord extends RecordSlot {
  readonly record: OwnerRecord;
}

/*
 * A file has two slots of SLOT_SIZE bytes. The valid slot with the higher sequence counts. A writer fills the other slot, so that a
 * write that is cut short leaves the last record as it was. A slot is, little endian:
 *
 *    0  u32  magic
 *    4  u32  crc32 of everything behind it, up to the end of the text
 *    8  u48  sequence
 *   14  u16  length of the text in bytes
 *   16  u64  the largest fencing token so far, below 2^53; every slot carries it on, 0 as long as there was none
 *   24       text: the record as JSON
 */
export const SLOT_SIZE = 1024;
export const RECORD_SIZE = 2 * SLOT_SIZE;

const MAGIC = 0x314b434c;
const HEADER = 24;
const ROOM = SLOT_SIZE - HEADER;

/**
 * Fills `target` with a slot.
 *
 * @returns the number of bytes in it
 */
export function encodeSlot(target: Buffer, sequence: number, counter: number, record: OwnerRecord): number {
  let text = JSON.stringify(record);
  // A character takes at most 6 bytes in JSON. Most records are far below the limit.
  for (let keep = 200; Buffer.byteLength(text) > ROOM; keep = Math.floor(keep / 2)) {
    const { memberId, name } = record;
    text = JSON.stringify({ ...record, memberId: memberId.slice(0, keep), name: name.slice(0, keep) });
    if (keep === 0) break;
  }
  const length = target.write(text, HEADER, ROOM);
  target.writeUInt32LE(MAGIC, 0);
  target.writeUIntLE(sequence, 8, 6);
  target.writeUInt16LE(length, 14);
  target.writeBigUInt64LE(BigInt(counter), 16);
  target.writeUInt32LE(crc32(target.subarray(8, HEADER + length)), 4);
  return HEADER + length;
}

/** The valid record in the first `length` bytes of a file; undefined when there is none. */
export function decodeRecord(bytes: Buffer, length: number): StoredRecord | undefined {
  const newest = newestSlot(bytes, length);
  if (!newest) return undefined;
  const start = newest.slot * SLOT_SIZE + HEADER;
  const end = start + bytes.readUInt16LE(start - HEADER + 14);
  return { ...newest, record: JSON.parse(bytes.toString('utf8', start, end)) as OwnerRecord };
}

/** Finds the valid slot, without reading its text. */
export function newestSlot(bytes: Buffer, length: number): RecordSlot | undefined {
  const first = sequenceOf(bytes, 0, length);
  const second = sequenceOf(bytes, SLOT_SIZE, length);
  if (first === 0 && second === 0) return undefined;
  const slot = first > second ? 0 : 1;
  const counter = Number(bytes.readBigUInt64LE(slot * SLOT_SIZE + 16));
  return { slot, sequence: Math.max(first, second), counter };
}

/** The sequence of the slot at `start`, which begins at 1; 0 when the slot is empty, cut short or damaged. */
function sequenceOf(bytes: Buffer, start: number, available: number): number {
  if (available < start + HEADER || bytes.readUInt32LE(start) !== MAGIC) return 0;
  const end = start + HEADER + bytes.readUInt16LE(start + 14);
  if (end > available || end > start + SLOT_SIZE) return 0;
  if (crc32(bytes.subarray(start + 8, end)) !== bytes.readUInt32LE(start + 4)) return 0;
  return bytes.readUIntLE(start + 8, 6);
}
