import path from 'node:path';
import { fromJson, toJson } from '../ruby/json-text.ts';
import type { Value } from '../ruby/value.ts';
import { DotenvError, parseDotenv } from '../secrets/dotenv.ts';
import { readYaml, YamlError } from '../yaml/read.ts';
import { ErbUnsupported, RubyError } from './errors.ts';
import type { ErbHost } from './host.ts';
import { stringArg, valueOf, type Call } from './objects.ts';

type Method = (call: Call, host: ErbHost) => Value | Promise<Value>;

const CONSTANTS: Record<string, Record<string, Method>> = {
  ENV: {
    '[]': (call, { env }) => env.get(stringArg(call, 0)) ?? null,
    fetch: async (call, { env }) => {
      const name = stringArg(call, 0);
      const found = env.get(name);
      if (found !== undefined) return found;
      if (call.block) return call.block(name);
      if (call.args.length > 1) return valueOf(call.args[1] ?? null, call.line);
      throw new RubyError(`key not found: ${JSON.stringify(name)}`, call.line);
    },
    'key?': (call, { env }) => env.has(stringArg(call, 0)),
    'has_key?': (call, { env }) => env.has(stringArg(call, 0)),
    'include?': (call, { env }) => env.has(stringArg(call, 0)),
    to_h: (_call, { env }) => new Map<string, Value>(env),
    dig: (call, { env }) => env.get(stringArg(call, 0)) ?? null,
    values_at: (call, { env }) => call.args.map((_, index) => env.get(stringArg(call, index)) ?? null),
  },
  File: {
    read: async (call, host) => readOrFail(call, host),
    readlines: async (call, host) => (await readOrFail(call, host)).match(/[^\n]*\n|[^\n]+/g) ?? [],
    'exist?': async (call, host) => (await host.readFile(stringArg(call, 0)).catch(() => '')) !== null,
    'file?': async (call, host) => (await host.readFile(stringArg(call, 0)).catch(() => null)) !== null,
    join: (call) => call.args.map((_, index) => stringArg(call, index)).join('/').replace(/\/{2,}/g, '/'),
    basename: (call) => path.posix.basename(stringArg(call, 0), call.args.length > 1 ? stringArg(call, 1) : undefined),
    dirname: (call) => path.posix.dirname(stringArg(call, 0)),
    expand_path: (call, host) => host.expandPath(call.args.length > 1 ? path.posix.join(stringArg(call, 1), stringArg(call, 0)) : stringArg(call, 0)),
  },
  IO: { read: async (call, host) => readOrFail(call, host) },
  Dir: { pwd: (_call, host) => host.directory },
  Dotenv: {
    load: (call, host) => loadDotenv(call, host, false),
    overload: (call, host) => loadDotenv(call, host, true),
  },
  JSON: {
    parse: (call) => parseJson(call),
    dump: (call) => toJson(valueOf(call.args[0] ?? null, call.line)),
    generate: (call) => toJson(valueOf(call.args[0] ?? null, call.line)),
  },
  YAML: {
    load_file: async (call, host) => parseYaml(await readOrFail(call, host), call),
    safe_load_file: async (call, host) => parseYaml(await readOrFail(call, host), call),
    unsafe_load_file: async (call, host) => parseYaml(await readOrFail(call, host), call),
    load: (call) => parseYaml(stringArg(call, 0), call),
    safe_load: (call) => parseYaml(stringArg(call, 0), call),
  },
  Base64: {
    strict_encode64: (call) => Buffer.from(stringArg(call, 0)).toString('base64'),
    encode64: (call) => Buffer.from(stringArg(call, 0)).toString('base64').replace(/.{1,60}/g, '$&\n'),
    decode64: (call) => Buffer.from(stringArg(call, 0), 'base64').toString('utf8'),
    strict_decode64: (call) => Buffer.from(stringArg(call, 0), 'base64').toString('utf8'),
  },
};

/** Libraries that may be required: what is known of them is there anyway. */
export const LIBRARIES = ['dotenv', 'dotenv/load', 'json', 'yaml', 'psych', 'base64', 'erb', 'active_support', 'active_support/all', 'active_support/core_ext'];

/** A method of one of Ruby's classes or modules. @throws RubyError, ErbUnsupported */
export function callConstant(constant: string, call: Call, host: ErbHost): Value | Promise<Value> {
  const methods = CONSTANTS[constant.replace(/^::/, '').replace(/^Psych$/, 'YAML')];
  const method = methods && Object.hasOwn(methods, call.name) ? methods[call.name] : undefined;
  if (!method) throw new ErbUnsupported(`${constant}.${call.name}`, call.line);
  return method(call, host);
}

async function readOrFail(call: Call, host: ErbHost): Promise<string> {
  const file = stringArg(call, 0);
  const text = await host.readFile(file);
  if (text === null) throw new RubyError(`No such file or directory @ rb_sysopen - ${file}`, call.line);
  return text;
}

/**
 * Variables of dotenv files, `.env` unless named (dotenv 3.2). Those that are set stay; with `overwrite` they change,
 * and the files count from the last to the first. Missing files don't matter.
 */
async function loadDotenv(call: Call, host: ErbHost, overwrite: boolean): Promise<Value> {
  const files = call.args.length === 0 ? ['.env'] : call.args.map((_, index) => stringArg(call, index));
  const loaded = new Map<string, Value>();
  for (const file of overwrite ? files.toReversed() : files) {
    const text = await host.readFile(file);
    if (text === null) continue;
    for (const [key, value] of await dotenvOf(text, call, host, overwrite)) {
      loaded.set(key, value);
      host.env.set(key, value);
    }
  }
  return loaded;
}

async function dotenvOf(text: string, call: Call, host: ErbHost, overwrite: boolean): Promise<Map<string, string>> {
  try {
    return await parseDotenv(text, {
      env: Object.fromEntries(host.env),
      run: async (command) => ((await host.run(command)) ?? '').replace(/\r?\n$/, ''),
      ...(overwrite ? {} : { keep: (key) => host.env.get(key) }),
    });
  } catch (error) {
    if (error instanceof DotenvError) throw new RubyError(error.message, call.line);
    throw error;
  }
}

function parseJson(call: Call): Value {
  try {
    return fromJson(stringArg(call, 0));
  } catch (error) {
    // The text may hold secrets, and JSON's message quotes it.
    if (error instanceof SyntaxError) throw new RubyError('JSON.parse: not JSON', call.line);
    throw error;
  }
}

function parseYaml(text: string, call: Call): Value {
  try {
    return readYaml(text).value;
  } catch (error) {
    if (error instanceof YamlError) throw new RubyError(`YAML: ${error.message} at line ${error.place.line}`, call.line);
    throw error;
  }
}

