/** How many slots a Cluster has. */
export const SLOTS = 16_384;

/** The polynomial of CRC-16/XMODEM, by which a Cluster divides its keys. */
const POLYNOMIAL = 0x1021;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) rest = ((rest << 1) ^ (rest & 0x8000 ? POLYNOMIAL : 0)) & 0xffff;
  return rest;
});

/** A short text in each slot; made when the first one is needed. */
let texts: readonly string[] | undefined;

/**
 * The slot of a key that has no hash tag.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */
export function slotOf(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] as number);
  return crc % SLOTS;
}

/** A text without braces in the same slot. */
export function digitsInSlotOf(text: string): string {
  texts ??= oneOfEachSlot();
  return texts[slotOf(text)] as string;
}

function oneOfEachSlot(): string[] {
  const found: string[] = [];
  for (let [number, missing] = [0, SLOTS]; missing > 0; number += 1) {
    const slot = slotOf(String(number));
    if (found[slot] !== undefined) continue;
    found[slot] = String(number);
    missing -= 1;
  }
  return found;
}
