import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { noHome } from '../kernel/index.js';

/** The directory of this user, as defined by the XDG base directory specification. */
export function perUserDirectory(): string {
  const { XDG_STATE_HOME } = process.env;
  // The specification says to ignore relative paths.
  const base =
    XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homeDirectory(), '.local', 'state');
  return join(base, 'nestjs-coordination');
}

/**
 * HOME, or the entry in the system's table of users. A container with a user of its own may have neither. A HOME that is empty or relative
 * would lead each process to the directory below its own working directory.
 */
function homeDirectory(): string {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : userInfo().homedir;
  } catch (error) {
    throw noHome(error);
  }
}
