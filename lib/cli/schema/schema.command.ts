import type { Command } from 'commander';
import { coordinationOptions, type GlobalOptions } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { print, printJson } from '../output.js';
import {
  migrateSchema,
  schemaNameIn,
  schemaSql,
  type SchemaStatus,
  schemaStatus,
} from './postgres-schema.js';

/** Adds `migrate`, `status` and `sql`, for the tables and functions of PostgreSQL. */
export function addSchema(program: Command): void {
  program
    .command('migrate')
    .description('PostgreSQL: create what is missing of the schema; it can be run again at any time')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const before = await migrateSchema(coordinationOptions(options));
      const created = before.state !== 'complete';
      if (options.json) printJson({ ...before, created });
      else print(`${before.server}: schema ${before.schema} ${created ? 'created' : 'is complete already'}`);
    });
  program
    .command('status')
    .description('PostgreSQL: whether the schema is complete, and whether the role may use it')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const status = await schemaStatus(coordinationOptions(options));
      if (options.json) printJson(status);
      else print(linesOf(status).join('\n'));
      if (!isUsable(status)) process.exitCode = EXIT.nothing;
    });
  program
    .command('sql')
    .description('PostgreSQL: print the SQL of the schema; connects to nothing')
    .option('--schema <name>', 'where the tables are (COORDINATION_POSTGRES_SCHEMA)')
    .action(({ schema }: { schema?: string }, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      print(schemaSql(schema ?? schemaNameIn(coordinationOptions(options))).trimEnd());
    });
}

function isUsable({ state, lacking }: SchemaStatus): boolean {
  return state === 'complete' && lacking.length === 0;
}

function linesOf({ server, schema, role, state, missing, lacking }: SchemaStatus): string[] {
  const first = `${server}: schema ${schema} `;
  switch (state) {
    case 'missing':
      return [`${first}is not there; run nestjs-coordination migrate as a role that may create it`];
    case 'incomplete':
      return [
        `${first}is of another version; run nestjs-coordination migrate as its owner`,
        ...missing.map((name) => `  missing: ${name}`),
      ];
    case 'forbidden':
      return [
        `${first}may not be used by the role ${role}; run the GRANT lines of docs/postgres.md, "Rights"`,
      ];
    default:
      if (lacking.length === 0) return [`${first}is complete, and the role ${role} has all rights`];
      return [
        `${first}is complete; run the GRANT lines of docs/postgres.md, "Rights", for the role ${role}`,
        ...lacking.map((right) => `  lacking: ${right}`),
      ];
  }
}
