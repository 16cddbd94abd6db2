import { describe, expect, it } from 'vitest';
import { explain } from '../../lib/drivers/redis/errors/redis.messages.js';
import { cleanError, NodeError } from '../../lib/drivers/redis/errors/node-error.js';

/** An error as ioredis makes it of an answer. */
function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

function told(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

describe('what a node did not do', () => {
  it.each([
    [reply("READONLY You can't write against a read only replica."), 'reconnect'],
    [
      reply(
        "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -READONLY You can't write against a read only replica.",
      ),
      'reconnect',
    ],
    [reply('UNBLOCKED force unblock from blocking operation, instance state changed'), 'reconnect'],
    [reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."), 'reconnect'],
    [reply('NOAUTH Authentication required.'), 'reconnect'],
    [reply('WRONGPASS invalid username-password pair or user is disabled.'), 'reconnect'],
    [reply('MOVED 866 127.0.0.1:7001'), 'reconnect'],
    [reply("OOM command not allowed when used memory > 'maxmemory'."), 'tell'],
    [reply('MISCONF Redis is configured to save RDB snapshots, but it is currently unable to'), 'wait'],
    [reply('NOREPLICAS Not enough good replicas to write.'), 'wait'],
    [reply('BUSY Redis is busy running a script.'), 'wait'],
    [reply('LOADING Redis is loading the dataset in memory'), 'wait'],
    [reply('CLUSTERDOWN Hash slot not served'), 'wait'],
    [reply("NOPERM User app has no permissions to run the 'set' command"), 'wait'],
    [
      reply(
        "ERR ACL failure in script: User app has no permissions to run the 'set' command script: f_1, on @user_script:47.",
      ),
      'wait',
    ],
    [reply('WRONGTYPE Operation against a key holding the wrong kind of value'), 'refuse'],
    [reply('NOSCRIPT No matching script. Please use EVAL.'), 'refuse'],
    [reply('BUSYKEY Target key name already exists.'), 'refuse'],
    [reply('ERR a text that nobody has seen yet, with TASK in it'), 'refuse'],
  ])('%s: is followed by %s', (error, consequence) => {
    const { answered, ...rest } = { answered: cleanError(error).answered, c: cleanError(error).consequence };
    expect(answered).toBe(true);
    expect(rest.c).toBe(consequence);
  });

  it.each([
    [
      reply(
        'DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.',
      ),
      /protected mode/,
    ],
    [
      told('ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames: Host: a."),
      /another host name.*redis\.options\.tls\.servername.*Host: a\./,
    ],
    [told('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), /redis\.options\.tls\.ca/],
    [told('CERT_HAS_EXPIRED', 'certificate has expired'), /out of date/],
    [
      told('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tlsv13 alert certificate required'),
      /certificate of the client/,
    ],
    [told('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number'), /does not speak TLS/],
    [new Error('Unknown RESP type 72 "H". Please report this.'), /does not speak Redis, but HTTP/],
    [new Error('Protocol error, got "H" as reply type byte. Please report this.'), /does not speak Redis/],
    [new Error('Unknown RESP type 21 "\u0015". Please report this.'), /rediss:\/\/ for a TLS port/],
    [told('EMFILE', 'connect EMFILE 127.0.0.1:6379 - Local (undefined:undefined)'), /ulimit -n/],
    [reply('ERR max number of clients reached'), /maxclients/],
    [reply("ERR unknown command 'INFO', with args beginning with: "), /no proxy/],
  ])('%s: is explained by its true cause', (error, words) => {
    expect(explain(cleanError(error))).toMatch(words);
  });

  it('is told by Redis also for the commands after it, which do not reach Redis any more', () => {
    const refused = cleanError(reply('NOAUTH Authentication required.'));
    const later = refused.asReason(false);
    expect([later.answered, later.told, later.asReason(true).told]).toEqual([false, true, true]);
    expect(cleanError(told('ECONNRESET', 'read ECONNRESET')).asReason(false).told).toBe(false);
  });

  it('is not guessed from words of our own', () => {
    const own = new NodeError('READONLY WRONGPASS ECONNREFUSED in a text that we wrote', { answered: true });
    expect(explain(own)).toBe(own.message);
    expect(own.consequence).toBe('refuse');
  });

  it('is a sentence of one line without the password in each case', () => {
    const error = cleanError(reply('WRONGPASS invalid s3cret'), ['s3cret']);
    expect(error.message).not.toContain('s3cret');
    expect(explain(error)).not.toContain('\n');
  });
});
