import { resolve } from 'node:path';

import { Command, Option } from 'commander';

import { ensureImages } from './images.ts';
import type { EngineSpec } from './engine.ts';
import { Lab } from './lab.ts';
import type { LabState } from './lab.ts';
import { HOME_OF_KAMAL1, writeProject } from './project.ts';
import { serveTls, tlsState } from './tls.ts';

const program = new Command('lab')
  .description('Real Docker hosts on this machine, as Kamal 1 leaves them, to try things on.')
  .enablePositionalOptions()
  .option('--name <name>', 'which lab', 'play')
  .option('--subnet <subnet>', 'the first three octets of its network', '10.76.0')
  .option('--hosts <count>', 'how many hosts', Number, 3)
  .addOption(new Option('--engine <engine>', "`up`: the hosts' Docker Engine, Debian's or the current one").choices(['debian', 'current']).default('debian'))
  .addOption(new Option('--firewall <kind>', '`up`: the rules by which it publishes ports').choices(['iptables', 'iptables-legacy', 'nftables']).default('iptables'))
  .option('--no-userland-proxy', "`up`: without Docker's userland proxy");

program
  .command('up')
  .description('bring the lab up')
  .option('--state <state>', 'kamal1 or empty', 'kamal1')
  .action(async ({ state }: { state: string }) => {
    if (!isState(state)) throw new Error(`state '${state}': expected kamal1 or empty`);
    await lab().up(state);
    await printStatus();
  });
program
  .command('images')
  .description('make the images, unless the cache has them')
  .action(async () => {
    await ensureImages((message) => console.error(message));
  });
program
  .command('down')
  .description('take the lab away, whoever made it')
  .action(() => lab().down());
program
  .command('status')
  .description('say which hosts are on')
  .action(printStatus);
program
  .command('restore')
  .description('give the hosts the disks of a snapshot back')
  .argument('[snapshot]', 'kamal1, empty, or one of your own', 'kamal1')
  .action((snapshot: string) => lab().restore(snapshot));
program
  .command('snapshot')
  .description("keep the hosts' disks as they are now")
  .argument('<name>')
  .action((name: string) => lab().snapshot(name));
program
  .command('tls')
  .description("let the web hosts' Traefik serve HTTPS with certificates from an ACME server; again: back to that state")
  .action(async () => console.log(`state: ${tlsState}\nroot certificate: ${await serveTls(lab())}`));
program
  .command('exec')
  .description('run a shell script on a host, as root')
  .argument('<host>')
  .argument('<script...>')
  .passThroughOptions()
  .action(async (host: string, script: string[]) => {
    const ended = await lab().exec(host, script.join(' '));
    process.stdout.write(ended.stdout);
    process.stderr.write(ended.stderr);
    process.exitCode = ended.code;
  });
program
  .command('inspect')
  .description('print what is on a host, as JSON')
  .argument('<host>')
  .action(async (host: string) => console.log(JSON.stringify(await lab().inspect(host), null, 2)));
program
  .command('commands')
  .description('print what was run on a host over SSH, as JSON')
  .argument('<host>')
  .action(async (host: string) => console.log(JSON.stringify(await lab().commands(host), null, 2)));
program
  .command('power')
  .description('cut or give a host its power')
  .argument('<host>')
  .argument('<on|off>')
  .action((host: string, state: string) => (state === 'on' ? lab().powerOn(host) : lab().powerOff(host)));
program
  .command('link')
  .description("pull or plug a host's cable")
  .argument('<host>')
  .argument('<up|down>')
  .action((host: string, state: string) => (state === 'up' ? lab().restoreLink(host) : lab().cutLink(host)));
program
  .command('project')
  .description('write a Kamal project for the lab into a folder')
  .argument('<folder>')
  .option('--kamal <generation>', '1 or 2', Number, 2)
  .action(async (folder: string, { kamal }: { kamal: number }) => {
    await writeProject(lab(), resolve(folder), { kamal: kamal === 1 ? 1 : 2 });
    if (kamal === 1) console.log(`Kamal 1 looks for SSH's configuration in the home only: HOME=${resolve(folder, HOME_OF_KAMAL1)} has that of the lab's hosts`);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function lab(): Lab {
  return new Lab(program.opts<{ name: string; subnet: string; hosts: number } & EngineSpec>(), (message) => console.error(message));
}

async function printStatus(): Promise<void> {
  const { state, on } = await lab().status();
  console.log(`state: ${state ?? 'not up'}`);
  for (const host of lab().hosts) console.log(`${host.name}  ${host.address}  ${on[host.name] === true ? 'on' : 'off'}`);
}

function isState(text: string): text is LabState {
  return text === 'kamal1' || text === 'empty';
}
