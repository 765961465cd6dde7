import { argumentize, optionize, type Quoting } from '../ruby/args.ts';
import { isPresent, type Hash } from '../ruby/value.ts';
import { section } from './raw.ts';

/** `--log-driver` and `--log-opt` arguments (Kamal 2.12: `Configuration::Logging`); 10 MB of json-file unless configured. */
export function loggingArgs(logging: Hash, quoting?: Quoting): string[] {
  const driver = logging.get('driver');
  const options = section(logging, 'options');
  if (!isPresent(driver) && options.size === 0) return argumentize('--log-opt', new Map([['max-size', '10m']]), quoting);
  return [...optionize(driver === undefined || driver === null ? {} : { 'log-driver': driver }, undefined, quoting), ...argumentize('--log-opt', options, quoting)];
}
