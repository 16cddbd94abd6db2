// What `npm run release` looks at, as functions of text. Each returns its problems, one line for each.

/** Addresses that nobody has: RFC 2606 keeps this domain free. */
const PLACEHOLDER = 'example.invalid';

/**
 * @param status what `git status --porcelain` prints
 * @param branch that of HEAD
 */
export function treeProblems(status, branch) {
  const changed =
    status.trim() === ''
      ? []
      : [`uncommitted: ${status.trim().split('\n').length} files; commit or remove them`];
  return branch === 'main' ? changed : [...changed, `the branch is ${branch}; check out main`];
}

/** @param files texts by the names of their files */
export function placeholdersIn(files) {
  return Object.entries(files).flatMap(([file, text]) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        line.includes(PLACEHOLDER) ? [`${file}:${at + 1}: write the real address for ${line.trim()}`] : [],
      ),
  );
}

export function changelogProblem(version, changelog) {
  const [, newest] = /^## (.*)$/m.exec(changelog) ?? [];
  if (newest?.split(' ')[0] === version) return [];
  return [
    `package.json is version ${version}, and the newest heading of CHANGELOG.md is "${newest ?? 'missing'}"`,
  ];
}

/** All that may be in the package. */
const ALLOWED =
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|docs\/[\w-]+\.md|docs\/benchmarks\/[\w-]+\.svg|dist\/.+\.(?:js|d\.ts|js\.map|mjs|html|css))$/;
const NEEDED = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'docs/README.md'];

/** @param listed what `npm pack --json` prints */
export function packProblems([{ files }], { exports = {}, bin = {} }) {
  const paths = files.map(({ path }) => path);
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  );
  const programs = typeof bin === 'string' ? [bin] : Object.values(bin);
  const needed = [...NEEDED, ...[...entries, ...programs].map((path) => path.replace(/^\.\//, ''))];
  return [
    ...needed.filter((path) => !paths.includes(path)).map((path) => `${path} is missing`),
    ...paths.filter((path) => !ALLOWED.test(path)).map((path) => `${path} does not belong there`),
  ];
}
