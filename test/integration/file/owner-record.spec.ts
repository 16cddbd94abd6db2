import { describe, expect, it } from 'vitest';
import {
  decodeRecord,
  encodeSlot,
  RECORD_SIZE,
  SLOT_SIZE,
} from '../../../lib/drivers/file/kernel/owner-record.js';

const RECORD = { pid: 42, memberId: 'member', grantId: 'grant', socket: '/run/0.sock', name: 'share-1' };

function fileWith(...slots: { sequence: number; grantId: string; counter?: number }[]): Buffer {
  const bytes = Buffer.alloc(RECORD_SIZE);
  slots.forEach(({ sequence, grantId, counter = 0 }, slot) => {
    const target = bytes.subarray(slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE);
    encodeSlot(target, sequence, counter, { ...RECORD, grantId });
  });
  return bytes;
}

describe('the record of a lock file', () => {
  it('reads back what was written', () => {
    const stored = decodeRecord(fileWith({ sequence: 7, grantId: 'g', counter: 9 }), RECORD_SIZE);
    expect(stored).toEqual({ record: { ...RECORD, grantId: 'g' }, slot: 0, sequence: 7, counter: 9 });
  });

  it('holds every token there can be', () => {
    const counter = Number.MAX_SAFE_INTEGER;
    const bytes = fileWith({ sequence: 1, grantId: 'g' }, { sequence: 2, grantId: 'g', counter });
    expect(decodeRecord(bytes, RECORD_SIZE)?.counter).toBe(counter);
  });

  it('is the newer one of the two slots', () => {
    const older = { sequence: 9, grantId: 'older' };
    const newer = { sequence: 10, grantId: 'newer' };
    expect(decodeRecord(fileWith(older, newer), RECORD_SIZE)?.record.grantId).toBe('newer');
    expect(decodeRecord(fileWith(newer, older), RECORD_SIZE)?.record.grantId).toBe('newer');
  });

  it('is the one before when the last write was cut short, wherever that was', () => {
    const whole = fileWith({ sequence: 1, grantId: 'one' }, { sequence: 2, grantId: 'two' });
    const length =
      decodeRecord(whole, RECORD_SIZE)!.slot * SLOT_SIZE + 24 + whole.readUInt16LE(SLOT_SIZE + 14);
    for (let cut = SLOT_SIZE; cut < length; cut += 1) {
      expect(decodeRecord(whole, cut)?.record.grantId).toBe('one');
      const zeroed = Buffer.from(whole);
      const wasZero = zeroed.subarray(cut, length).every((byte) => byte === 0);
      if (!wasZero)
        expect(decodeRecord(zeroed.fill(0, cut, length), RECORD_SIZE)?.record.grantId).toBe('one');
    }
  });

  it('is the one before when any bit of the last is wrong', () => {
    const one = { sequence: 1, grantId: 'one', counter: 2 ** 50 };
    const whole = fileWith(one, { sequence: 2, grantId: 'two', counter: 2 ** 50 + 1 });
    const length = 24 + whole.readUInt16LE(SLOT_SIZE + 14);
    for (let bit = 0; bit < length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[SLOT_SIZE + (bit >> 3)]! ^= 1 << (bit & 7);
      const stored = decodeRecord(bytes, RECORD_SIZE);
      expect(stored).toMatchObject({ record: { grantId: 'one' }, counter: one.counter });
    }
  });

  it('is missing in a file that is empty or holds something else', () => {
    expect(decodeRecord(Buffer.alloc(RECORD_SIZE), 0)).toBeUndefined();
    expect(decodeRecord(Buffer.alloc(RECORD_SIZE), RECORD_SIZE)).toBeUndefined();
    expect(decodeRecord(Buffer.alloc(RECORD_SIZE, 0xff), RECORD_SIZE)).toBeUndefined();
  });

  it.each(['x', '\0', '☃', '"', '\ud800'])(
    'cuts long names and members, and keeps the rest (%j)',
    (character) => {
      const slot = Buffer.alloc(RECORD_SIZE);
      const long = { ...RECORD, memberId: character.repeat(2000), name: character.repeat(2000) };
      expect(encodeSlot(slot.subarray(0, SLOT_SIZE), 1, 0, long)).toBeLessThanOrEqual(SLOT_SIZE);
      const { record } = decodeRecord(slot, RECORD_SIZE)!;
      expect(record).toMatchObject({ pid: 42, grantId: 'grant', socket: '/run/0.sock' });
      expect(record.name.length).toBeGreaterThan(10);
      expect(long.name.startsWith(record.name)).toBe(true);
    },
  );
});
