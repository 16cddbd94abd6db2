import { breakAnswered } from '../../support/break-answered.js';
import { breakLock, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { chmod, chown, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { granted, recordingContext, request } from '../../support/driver-suite.js';
import { useScratch } from '../../support/file-scratch.js';
import { eventually } from '../../support/eventually.js';
import { waitAt } from '../../support/file-waiting.js';
import { foreignDirectory } from '../../../lib/drivers/file/kernel/file.messages.js';
import { FileDriver } from '../../../lib/drivers/file/file.driver.js';

const faked = vi.hoisted(() => ({ fileSystem: undefined as number | undefined }));

// A network file system is the one thing that a test cannot have here.
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const statfsSync = (path: string) => {
    const found = fs.statfsSync(path);
    if (faked.fileSystem !== undefined) found.type = faked.fileSystem;
    return found;
  };
  return { ...fs, statfsSync };
});

vi.mock('node:os', async (original) => {
  const os = await original<typeof import('node:os')>();
  return { ...os, homedir: vi.fn(os.homedir) };
});

describe('the directory of the file driver', () => {
  const scratch = useScratch();

  afterEach(() => {
    faked.fileSystem = undefined;
    vi.unstubAllEnvs();
  });

  async function refusal(directory: string): Promise<string> {
    const error: unknown = await scratch
      .driver(directory)
      .driver.start()
      .then(
        () => new Error('it started'),
        (error: unknown) => error,
      );
    expect(error).toBeInstanceOf(BackendUnavailableError);
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    expect(message).toContain('backendUrl (COORDINATION_BACKEND_URL)');
    expect(message).toContain(directory);
    return message;
  }

  it('is created for this user alone', async () => {
    const directory = join(await scratch.directory(), 'a', 'b');
    await scratch.started(directory);
    for (const path of [directory, join(directory, 'locks'), join(directory, 'instances')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
  });

  it('may be used by many who start at once', async () => {
    const directory = join(await scratch.directory(), 'new');
    await Promise.all(Array.from({ length: 10 }, () => scratch.started(directory)));
    expect(JSON.parse(await readFile(join(directory, 'format.json'), 'utf8'))).toEqual({
      locks: 'ofd',
      version: 3,
    });
  });

  it('is the state directory of this user when none is named', () => {
    vi.stubEnv('XDG_STATE_HOME', '/some/state');
    expect(new FileDriver(undefined, recordingContext()).description).toBe(
      'file /some/state/nestjs-coordination',
    );
    vi.stubEnv('XDG_STATE_HOME', 'relative');
    const fallback = join(homedir(), '.local', 'state', 'nestjs-coordination');
    expect(new FileDriver(undefined, recordingContext()).description).toBe(`file ${fallback}`);
  });

  it('is refused when it cannot be made', async () => {
    const file = join(await scratch.directory(), 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'below')]) {
      const message = await refusal(path);
      expect(message).toMatch(
        /a file is in its way \((EEXIST|ENOTDIR): .*\); move that file away, or name another one/,
      );
    }
    expect(await refusal('/proc/nowhere')).toContain('ENOENT');
  });

  it('is refused when others can write to it', async () => {
    const directory = await scratch.directory();
    await chmod(directory, 0o770);
    expect(await refusal(directory)).toContain(
      'others can write to it (mode 0770); make it writable for this user alone (chmod go-w), or name another one',
    );
    await chmod(directory, 0o750);
    await scratch.started(directory);
  });

  it('is refused when it belongs to somebody else', async () => {
    const directory = await scratch.directory();
    if (process.geteuid?.() === 0) {
      await chown(directory, 12_345, 12_345);
      expect(await refusal(directory)).toContain(
        `it belongs to user 12345, and this process runs as user 0; name a directory in it that is not there yet, which this process then makes for itself, as in file://${directory}/coordination`,
      );
    } else {
      expect(await refusal('/')).toContain('it belongs to user 0');
    }
  });

  it('is to be given to the user who cannot write to it', async () => {
    const { message } = foreignDirectory('/data', 0, 1000, false);
    expect(message).toContain('it belongs to user 0, and this process runs as user 1000; ');
    expect(message).toContain(
      'give it to the user of these processes (chown 1000 /data), or name another one',
    );
  });

  it.each(['', 'home', './home'])(
    'is the same for every working directory where HOME is %o',
    async (home) => {
      vi.stubEnv('XDG_STATE_HOME', '');
      vi.stubEnv('HOME', home);
      const expected = join(userInfo().homedir, '.local', 'state', 'nestjs-coordination');
      expect(isAbsolute(expected)).toBe(true);
      expect(new FileDriver(undefined, recordingContext()).description).toBe(`file ${expected}`);
    },
  );

  it('has a name where HOME is not set and nobody knows the user', async () => {
    vi.stubEnv('XDG_STATE_HOME', '');
    vi.mocked(homedir).mockImplementationOnce(() => {
      throw Object.assign(new Error('A system error occurred: uv_os_homedir returned ENOENT'), {
        code: 'ERR_SYSTEM_ERROR',
      });
    });
    expect(() => new FileDriver(undefined, recordingContext())).toThrow(
      /^the file back end has no directory: HOME and XDG_STATE_HOME are not set to an absolute path, and this user \(\d+\) has no entry in \/etc\/passwd; set one of the two, or name a directory with backendUrl/,
    );
  });

  it('is refused, and left as it is, when it is there for something else', async () => {
    const directory = await scratch.directory();
    await writeFile(join(directory, '.gitignore'), '');
    expect(await refusal(directory)).toContain(
      'it holds other things (".gitignore" is one) and no format.json',
    );
    expect(await readdir(directory)).toEqual(['.gitignore']);
    if (process.geteuid?.() === 0) expect(await refusal('/')).toContain('it holds other things');
  });

  it('may be the root of a new file system', async () => {
    const directory = await scratch.directory();
    await mkdir(join(directory, 'lost+found'));
    await scratch.started(directory);
  });

  it.each([
    ['{"locks":"flock","version":3}', 'its locks are kept by flock, format 3'],
    ['{"locks":"ofd","version":1}', 'its locks are kept by ofd, format 1'],
    ['something else', 'does not say how locks are kept there'],
    ['null', 'does not say how locks are kept there'],
  ])('is refused when its locks are kept in another way: %s', async (format, reason) => {
    const directory = await scratch.directory();
    await writeFile(join(directory, 'format.json'), format);
    expect(await refusal(directory)).toContain(reason);
    expect(await readFile(join(directory, 'format.json'), 'utf8')).toBe(format);
    expect(await readdir(directory)).toEqual(['format.json']);
  });

  it('is taken on when whoever created it died before writing its format', async () => {
    const directory = await scratch.directory();
    await writeFile(join(directory, 'format.json'), '');
    await scratch.started(directory);
    expect(await readFile(join(directory, 'format.json'), 'utf8')).not.toBe('');
  });

  it.each([
    [0x6969, 'NFS'],
    [0xff534d42, 'CIFS'],
    [0xff534d42 | 0, 'CIFS'],
  ])('is warned of on a network file system (%i)', async (type, name) => {
    const { driver, context } = scratch.driver(await scratch.directory());
    faked.fileSystem = type;
    await driver.start();
    expect(context.warnings).toEqual([expect.stringContaining(`is on ${name}`)]);
  });

  it('may have a long path, and be at another path for others', async () => {
    const directory = join(await scratch.directory(), 'x'.repeat(120));
    const elsewhere = join(await scratch.directory(), 'mounted');
    const driver = await scratch.started(directory);
    await symlink(directory, elsewhere);
    for (const path of [directory, elsewhere]) {
      const other = await scratch.process(path);
      expect(await other.try('far')).toBe(true);
      // Woken by the holder: the net would come by, every 250 ms.
      const rang: number[] = [];
      const place = await waitAt(driver, 'far', () => rang.push(1));
      const quiet = rang.length;
      expect(await readdir(join(directory, 'instances'))).toContainEqual(
        expect.stringMatching(/^1-.*\.sock$/),
      );
      expect(await breakAnswered(() => breakLock(driver, 'far'))).toBe(true);
      await eventually(() => rang.length > quiet);
      await place.leave();
      expect(await other.try('near')).toBe(true);
      const back = await scratch.started(elsewhere);
      expect(await breakAnswered(() => breakLock(back, 'near'))).toBe(true);
      await back.stop();
      await other.stop();
    }
    await driver.stop();
    expect((await readdir(join(directory, 'instances'))).filter((name) => name.endsWith('.sock'))).toEqual(
      [],
    );
  });

  it('holds hashes, and never what a name says', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    for (const name of ['..', '../../x', '/', '/etc/passwd', '', '\0', 'x'.repeat(100_000), '☃', '\ud800']) {
      granted(await tryAcquire(driver, request(name)));
    }
    const files = await readdir(join(directory, 'locks'));
    expect(files).toHaveLength(9);
    for (const file of files) expect(file).toMatch(/^[0-9a-f]{64}$/);
  });

  it('never has a lock file that leads elsewhere', async () => {
    const directory = await scratch.directory();
    const driver = await scratch.started(directory);
    const victim = join(directory, 'victim');
    await writeFile(victim, 'precious');
    const grant = granted(await tryAcquire(driver, request('l')));
    const [name] = await readdir(join(directory, 'locks'));
    await driver.locks.release(grant);
    const locks = join(directory, 'locks');
    await rename(join(locks, name!), join(directory, 'aside'));
    await symlink(victim, join(locks, name!));
    await expect(tryAcquire(driver, request('l'))).rejects.toThrow('ELOOP');
    expect(await readFile(victim, 'utf8')).toBe('precious');
  });

  it('says which disk failed when it goes away while it is used, and works again once it is back', async () => {
    const directory = join(await scratch.directory(), 'd');
    const { driver, context } = scratch.driver(directory);
    await driver.start();
    const grant = granted(await tryAcquire(driver, request('held')));
    await rename(directory, `${directory}-away`);
    await expect(tryAcquire(driver, request('other'))).rejects.toThrow(`${directory}/locks/`);
    expect(await isOwner(driver, grant)).toBe(false);
    expect(context.changes.map((change) => change.state)).toEqual(['up', 'down']);
    await rename(`${directory}-away`, directory);
    expect(await isOwner(driver, grant)).toBe(true);
    expect(await driver.locks.release(grant)).toBe(true);
    granted(await tryAcquire(driver, request('other')));
    expect(context.changes.map((change) => change.state)).toEqual(['up', 'down', 'up']);
  });

  it('may be replaced: a lock is then one on the new file', async () => {
    const directory = join(await scratch.directory(), 'd');
    const driver = await scratch.started(directory);
    const old = granted(await tryAcquire(driver, request('l')));
    await rename(directory, `${directory}-away`);
    await mkdir(directory, { mode: 0o700 });
    const other = await scratch.started(directory);
    const current = granted(await tryAcquire(other, request('l')));
    expect(await isOwner(driver, old)).toBe(false);
    expect(await driver.locks.release(old)).toBe(false);
    expect(await isOwner(other, current)).toBe(true);
    expect((await tryAcquire(driver, request('l'))).granted).toBe(false);
  });
});
