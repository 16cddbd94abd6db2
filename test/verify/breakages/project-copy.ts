import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Edit } from './breakage.js';

/** The project as it is in the working tree, in a directory of its own, where it may be broken. */
export class ProjectCopy {
  private constructor(readonly directory: string) {}

  static async of(project: string): Promise<ProjectCopy> {
    const copy = new ProjectCopy(await mkdtemp(join(tmpdir(), 'breakages-')));
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const { stdout } = await promisify(execFile)('git', list, { cwd: project, maxBuffer: 1 << 24 });
    for (const file of stdout.split('\0').filter(Boolean)) await copy.#take(project, file);
    await symlink(join(project, 'node_modules'), join(copy.directory, 'node_modules'));
    return copy;
  }

  /** Makes the edits for as long as `work` takes. */
  async with<T>(edits: readonly Edit[], work: () => Promise<T>): Promise<T> {
    const originals = new Map<string, string>();
    try {
      for (const { file, find, replace } of edits) {
        const path = join(this.directory, file);
        const text = await readFile(path, 'utf8');
        if (!originals.has(path)) originals.set(path, text);
        await writeFile(path, edited(text, { file, find, replace }));
      }
      return await work();
    } finally {
      for (const [path, text] of originals) await writeFile(path, text);
    }
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #take(project: string, file: string): Promise<void> {
    const target = join(this.directory, file);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(project, file), target).catch((error: unknown) => {
      // Deleted in the working tree, and not in the index yet.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }
}

/** @throws Error when what is to be replaced is not there exactly once: the breakage has to be written anew */
export function edited(text: string, { file, find, replace }: Edit): string {
  const [before, after, ...more] = text.split(find);
  if (after === undefined || more.length > 0)
    throw new Error(`${file} has this ${more.length > 0 ? 'more than once' : 'no more'}:\n${find}`);
  return `${before}${replace}${after}`;
}
