/** Below the page's own address, which has whatever prefix the application and a proxy put in front of it. */
export function pathTo(what: string): string {
  return `${location.pathname.replace(/\/+$/, '')}/${what}`;
}
