import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../../src/temporal/connection.ts';
import type { TemporalConnection } from '../../../src/temporal/connection.ts';
import type { Environment } from '../../../src/temporal/environment.ts';
import { registerSearchAttributes } from '../../../src/temporal/register-search-attributes.ts';
import { searchAttributes } from '../../../workflows/search-attributes.ts';
import { usesOwnServer } from '../../../src/temporal/target.ts';
import { makeSandbox } from './fixtures/sandbox.ts';
import type { Sandbox } from './fixtures/sandbox.ts';

let sandbox: Sandbox;
let temporal: TemporalConnection;
/** Somebody with a server of their own, which here is the sandbox's. */
let own: Environment;

beforeAll(async () => {
  sandbox = await makeSandbox();
  temporal = await connectTemporal(sandbox.env);
  own = { HOME: sandbox.dir, BACTRIAN_STATE_DIR: join(sandbox.dir, 'unused'), TEMPORAL_ADDRESS: temporal.address };
}, 60_000);
afterAll(async () => {
  await temporal.connection.close();
  await sandbox.remove();
}, 60_000);

describe('the connection to Temporal', () => {
  it('goes to TEMPORAL_ADDRESS when that is set, with the UI that is named', async () => {
    const connected = await connectTemporal({ ...own, BACTRIAN_TEMPORAL_UI: 'https://temporal.example.com/' });
    expect(connected).toMatchObject({
      embedded: false, address: temporal.address, namespace: 'default', uiUrl: 'https://temporal.example.com',
    });
    await connected.connection.close();
  });

  it('goes to where the chosen profile points', async () => {
    const file = join(sandbox.dir, 'temporal.toml');
    await writeFile(file, `[profile.prod]\naddress = "${temporal.address}"\nnamespace = "temporal-system"\n`);
    const connected = await connectTemporal({ HOME: sandbox.dir, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'prod' });
    expect(connected).toMatchObject({ embedded: false, address: temporal.address, namespace: 'temporal-system', uiUrl: undefined });
    await connected.connection.close();
    await expect(connectTemporal({ HOME: sandbox.dir, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'gone' }))
      .rejects.toThrow(/'gone' not found.*temporal\.toml/);
  });

  it('starts a server only when nothing is configured at all', () => {
    expect(usesOwnServer(sandbox.env)).toBe(false);
    expect(usesOwnServer(own)).toBe(true);
    for (const half of [{ TEMPORAL_NAMESPACE: 'shop' }, { TEMPORAL_API_KEY: 'k-123' }]) {
      expect(() => usesOwnServer({ HOME: sandbox.dir, ...half })).toThrow(/but no server.*TEMPORAL_ADDRESS/);
      expect(() => usesOwnServer({ HOME: sandbox.dir, ...half })).not.toThrow(/k-123/);
    }
  });

  it('says where the address came from when nobody answers there', { timeout: 30_000 }, async () => {
    await expect(connectTemporal({ ...own, TEMPORAL_ADDRESS: '127.0.0.1:1' }))
      .rejects.toThrow(/No Temporal server answers at 127\.0\.0\.1:1 \(from TEMPORAL_ADDRESS\).*TEMPORAL_TLS/);
  });

  it('says how to make a namespace that is missing', async () => {
    await expect(connectTemporal({ ...own, TEMPORAL_NAMESPACE: 'nope' })).rejects.toThrow(/no namespace 'nope'.*namespace create/);
  });
});

describe('search attributes', () => {
  const { IndexedValueType } = proto.temporal.api.enums.v1;
  const makeNamespace = async (namespace: string): Promise<void> => {
    await temporal.connection.workflowService.registerNamespace({
      namespace, workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({ seconds: 86_400 }),
    });
    await expect.poll(
      () => temporal.connection.workflowService.countWorkflowExecutions({ namespace, query: '' }).then(() => true, () => false),
      { timeout: 20_000 },
    ).toBe(true);
  };

  it('are registered where they are missing, and can be used when that is said', { timeout: 60_000 }, async () => {
    await makeNamespace('fresh');
    expect(await registerSearchAttributes(temporal.connection, 'fresh')).toBe(true);
    for (const { name } of Object.values(searchAttributes)) {
      const query = `${name} = 'x'`;
      expect((await temporal.connection.workflowService.countWorkflowExecutions({ namespace: 'fresh', query })).count?.toString() ?? '0').toBe('0');
    }
    expect(await registerSearchAttributes(temporal.connection, 'fresh')).toBe(true);
  });

  it('are done without where one of the name has another type', { timeout: 60_000 }, async () => {
    await makeNamespace('taken');
    await temporal.connection.operatorService.addSearchAttributes({
      namespace: 'taken', searchAttributes: { [searchAttributes.phase.name]: IndexedValueType.INDEXED_VALUE_TYPE_INT },
    });
    expect(await registerSearchAttributes(temporal.connection, 'taken')).toBe(false);
  });

  it('are done without where they may not be registered', { timeout: 60_000 }, async () => {
    // A namespace that isn't there refuses both questions, as a cluster does that doesn't let us.
    expect(await registerSearchAttributes(temporal.connection, 'not-there')).toBe(false);
  });
});
