/** What is used of it here; the package has no types of its own. */
declare module 'fs-native-extensions' {
  /** Takes the kernel's exclusive lock on an open file without waiting; false when another open file has it. */
  export function tryLock(fd: number): boolean;
  export function unlock(fd: number): void;
}
