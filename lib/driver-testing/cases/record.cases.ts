import assert from 'node:assert/strict';
import type { NewRecord, StoredRecord } from '../../drivers/driver.js';
import { freshName } from '../driver-calls.js';
import { eventually } from '../eventually.js';
import { defineCases } from '../suite-case.js';

/** The largest version: a fencing token may be as large. */
const LARGEST = 2 ** 53 - 1;

/** How far the sum of two times may be off, ms. */
const ROUNDING = 1;

/** Unix time, ms. The clock of every back end must be later than this. */
const YEAR_2020 = 1_577_836_800_000;

function recordOf(key: string, version: number, value = `value ${version}`, space = 'suite'): NewRecord {
  return { space, key, version, value };
}

/** Checks a record that must be there. */
function assertIs(found: StoredRecord | undefined, expected: NewRecord, longest = 10_000): void {
  assert.ok(found, `there is no record ${JSON.stringify(expected)}`);
  const { remaining, at, ...record } = found;
  assert.deepEqual(record, expected);
  assert.ok(at >= YEAR_2020, `the back end says that it is ${at}, which is no Unix time in ms`);
  assert.ok(remaining > 0 && remaining <= longest + ROUNDING, `${remaining} ms are left of ${longest}`);
}

export const recordCases = defineCases('mandatory', {
  'a record that one member puts another member gets, until it is removed': async ({ a, b }) => {
    const key = freshName('{a}:b c/☃\n');
    const record = recordOf(key, 7);
    assert.equal(await b.records.get('suite', key), undefined);
    assertIs(await a.records.put(record, 10_000), record);
    const found = await b.records.get('suite', key);
    assertIs(found, record);
    assert.ok((found?.remaining ?? 0) > 5000);
    assert.equal(await b.records.get('other', key), undefined);
    await b.records.remove('suite', key, 7);
    await b.records.remove('suite', key, 7);
    assert.equal(await a.records.get('suite', key), undefined);
  },

  'a record has any text, and any version below 2^53': async ({ a, b }) => {
    const key = freshName();
    const value = JSON.stringify({ text: '☃ "quoted" \\ %00 \n\t{}', long: 'x'.repeat(5000) });
    for (const record of [recordOf(key, 0, ''), recordOf(key, 1, value), recordOf(key, LARGEST, value)]) {
      assertIs(await a.records.put(record, 10_000), record);
      assertIs(await b.records.get('suite', key), record);
    }
    assertIs(await b.records.put(recordOf(key, LARGEST - 1), 10_000), recordOf(key, LARGEST, value));
    await a.records.remove('suite', key, LARGEST);
    assert.equal(await b.records.get('suite', key), undefined);
  },

  'the larger version of a record wins, and each writer is told what is there': async ({ a, b }) => {
    const key = freshName();
    await a.records.put(recordOf(key, 10), 10_000);
    assertIs(await b.records.put(recordOf(key, 9), 10_000), recordOf(key, 10));
    await b.records.remove('suite', key, 9);
    assertIs(await b.records.get('suite', key), recordOf(key, 10));
    assertIs(await b.records.put(recordOf(key, 11), 10_000), recordOf(key, 11));
    assertIs(await a.records.get('suite', key), recordOf(key, 11));
    await a.records.remove('suite', key, 11);
  },

  'of two records with one version the first one stays, and the same one lasts longer': async ({ a, b }) => {
    const key = freshName();
    const first = recordOf(key, 1, 'first');
    await a.records.put(first, 5000);
    assertIs(await b.records.put(recordOf(key, 1, 'second'), 60_000), first, 5000);
    assertIs(await a.records.get('suite', key), first, 5000);
    await a.records.put(first, 60_000);
    assert.ok(((await b.records.get('suite', key))?.remaining ?? 0) > 5000);
    await a.records.remove('suite', key, 1);
  },

  'a record that has expired is gone, and any version may follow': async ({ a, b }) => {
    const key = freshName();
    await a.records.put(recordOf(key, 5), 50);
    await eventually(async () => (await b.records.get('suite', key)) === undefined);
    assert.deepEqual(
      (await b.records.list('suite')).filter((each) => each.key === key),
      [],
    );
    assertIs(await b.records.put(recordOf(key, 1), 10_000), recordOf(key, 1));
    await b.records.remove('suite', key, 1);
  },

  'a list has the records of its space': async ({ a, b }) => {
    const space = freshName('space');
    const keys = Array.from({ length: 12 }, () => freshName());
    for (const key of keys) await a.records.put(recordOf(key, 1, 'value', space), 10_000);
    await a.records.remove(space, keys[3]!, 1);
    const listed = await b.records.list(space);
    const expected = keys.toSpliced(3, 1).toSorted();
    assert.deepEqual(listed.map(({ key }) => key).toSorted(), expected);
    for (const found of listed) assertIs(found, recordOf(found.key, 1, 'value', space));
    for (const key of keys) await a.records.remove(space, key, 1);
  },

  'a watcher of a space is told of changes, until the watch ends': async ({ a, b }) => {
    const space = freshName('space');
    let [told, version] = [0, 0];
    const watch = b.records.watch(space, () => (told += 1));
    await watch.ready;
    // A hint may be missed, so one report after several changes is enough.
    const until = (change: () => Promise<unknown>): Promise<boolean> => {
      told = 0;
      return eventually(async () => (await change(), told > 0), { every: 50 });
    };
    const put = (): Promise<unknown> =>
      a.records.put(recordOf('key', (version += 1), undefined, space), 10_000);
    await until(put);
    await until(async () => {
      // The round before may have removed the record, and its report was missed.
      if ((await a.records.get(space, 'key')) === undefined) await put();
      await a.records.remove(space, 'key', version);
    });
    watch[Symbol.dispose]();
    told = 0;
    await put();
    await a.records.remove(space, 'key', version);
    assert.equal(told, 0);
  },

  'many writers of one record end with the largest version': async ({ a, b }) => {
    const key = freshName();
    const versions = Array.from({ length: 40 }, (_, index) => ((index * 17) % 40) + 1);
    await Promise.all(
      versions.map((version, index) => (index % 2 === 0 ? a : b).records.put(recordOf(key, version), 10_000)),
    );
    assertIs(await a.records.get('suite', key), recordOf(key, 40));
    await a.records.remove('suite', key, 40);
  },
});
