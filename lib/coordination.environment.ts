import { type CoordinationOptions, OPTION_VARIABLES, settingsOf } from './coordination.options.js';
import { BACKENDS, needsNoUrl, textOptions } from './drivers/driver.registry.js';
import { InvalidOptionsError } from './errors.js';

const VARIABLE_PREFIX = 'COORDINATION_';

const BACKEND_VARIABLES = BACKENDS.flatMap(({ options }) =>
  Object.values(options).flatMap((option) => option?.variable ?? []),
);
const KNOWN_VARIABLES: readonly string[] = [...Object.values(OPTION_VARIABLES), ...BACKEND_VARIABLES];

/** The command line tool sets these variables for a command under a lock. They are no options. */
const TOLD_TO_COMMANDS = [`${VARIABLE_PREFIX}LOCK`, `${VARIABLE_PREFIX}FENCING_TOKEN`];

/** What Kubernetes tells every container of a service called `coordination`, or `coordination-redis`. */
const SERVICE_LINK = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/;

export type Environment = Readonly<Partial<Record<string, string>>>;

/**
 * Reads the options from an environment. Warns of a `COORDINATION_*` variable that it does not know.
 * @throws InvalidOptionsError for a variable of a back end that lacks the back end's name
 */
export function optionsIn(environment: Environment, warn: (message: string) => void): CoordinationOptions {
  checkVariables(environment, warn);
  const text = Object.fromEntries(
    Object.entries(OPTION_VARIABLES).map(([option, variable]) => [option, environment[variable]]),
  );
  const options: CoordinationOptions = { ...settingsOf(text), ...backendOptions(environment) };
  const { backendUrl } = text;
  if (!backendUrl) return options;
  // As a getter it can be read and spread, but inspecting the application does not show the password in it.
  return Object.defineProperty(options, 'backendUrl', { enumerable: true, get: () => backendUrl });
}

/**
 * Warns of `COORDINATION_*` variables without effect, as `forRoot` reads no environment: those of options that it was not given, and
 * unknown ones.
 * @param warn called once, with all of them
 */
export function warnOfUnread(
  environment: Environment,
  options: CoordinationOptions,
  warn: (message: string) => void,
): void {
  const given = options as Readonly<Record<string, unknown>>;
  const isSaid = (option: string): boolean =>
    given[option] !== undefined ||
    // A driver or ready clients, which the application may have made from the variable itself.
    (option === 'backendUrl' && (options.driver !== undefined || needsNoUrl(options)));
  const unread = Object.entries(OPTION_VARIABLES)
    .filter(([option]) => !isSaid(option))
    .map(([, variable]) => variable as string);
  for (const kind of BACKENDS) {
    const own = given[kind.name] as Readonly<Record<string, unknown>> | undefined;
    for (const [option, known] of Object.entries(kind.options))
      if (known && own?.[option] === undefined) unread.push(known.variable);
  }
  const set = [...unread.filter((variable) => environment[variable]), ...unknownIn(environment)];
  if (set.length === 0) return;
  warn(
    `The environment has ${set.join(', ')}, which CoordinationModule.forRoot() does not read; import CoordinationModule.forRootAsync(coordinationConfig.asProvider()), or give forRoot() the option`,
  );
}

/** A misspelt variable would leave its option at the default. */
function checkVariables(environment: Environment, warn: (message: string) => void): void {
  const unknown = unknownIn(environment);
  for (const name of unknown) {
    const renamed = newNameOf(name);
    // Without its value the locks of another replica may be taken over too early.
    if (renamed)
      throw new InvalidOptionsError(`The environment has ${name}, which is called ${renamed}; rename it`);
  }
  if (unknown.length === 0) return;
  warn(
    `The environment has ${unknown.toSorted().join(', ')}, which ${unknown.length === 1 ? 'is no variable' : 'are no variables'} of nestjs-coordination; known are ${KNOWN_VARIABLES.join(', ')}`,
  );
}

function unknownIn(environment: Environment): string[] {
  return Object.keys(environment).filter(
    (name) =>
      name.startsWith(VARIABLE_PREFIX) &&
      ![...KNOWN_VARIABLES, ...TOLD_TO_COMMANDS].includes(name) &&
      !SERVICE_LINK.test(name),
  );
}

/** The variable that is meant by a name without its back end. */
function newNameOf(name: string): string | undefined {
  const option = name.slice(VARIABLE_PREFIX.length);
  return BACKENDS.map((kind) => `${VARIABLE_PREFIX}${kind.name.toUpperCase()}_${option}`).find((variable) =>
    BACKEND_VARIABLES.includes(variable),
  );
}

function backendOptions(environment: Environment): CoordinationOptions {
  const given = BACKENDS.map((kind) => {
    const options = textOptions(kind, (_name, variable) => environment[variable]);
    return [kind.name, options] as const;
  });
  return Object.fromEntries(given.filter(([, options]) => Object.keys(options).length > 0));
}
