/** A list of back-end URLs has a comma before each scheme; those inside one URL are between hosts. */
const BETWEEN_URLS = /,(?=[a-z+]+:)/;

/** A back-end URL as it may be shown: without user, password and query. */
export function addressOf(backendUrl: string): string {
  return backendUrl
    .split(BETWEEN_URLS)
    .map((url) => {
      const [scheme = ''] = url.split('://', 1);
      // Whether what is behind the "?" is an option or a piece of a password cannot be told.
      if (/\?.*@/s.test(url)) return `${scheme}://…`;
      return url.replace(/(?<=:\/\/).*@/s, '').replace(/\?.*/s, '');
    })
    .join(',');
}
