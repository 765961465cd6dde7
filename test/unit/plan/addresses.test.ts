import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesIn } from '../../../src/plan/addresses.ts';

const found = (env: Record<string, string>, known?: Parameters<typeof addressesIn>[1]) => addressesIn(new Map(Object.entries(env)), known).map(({ variables, host, port }) => `${variables.join(' ')}: ${host}:${port}`);

describe('places in an environment', () => {
  it.each<[string, string, string[]]>([
    ['DATABASE_URL', 'postgres://app:s3cret@db.internal/shop', ['db.internal:5432']],
    ['DATABASE_URL', 'postgresql://app:p@ss@db.internal:6543/shop?sslmode=require', ['db.internal:6543']],
    ['DATABASE_URL', 'mysql2://app@10.0.0.5', ['10.0.0.5:3306']],
    ['DATABASE_URL', 'jdbc:postgresql://db/shop', ['db:5432']],
    ['DATABASE_URL', 'sqlite3:///data/db.sqlite', []],
    ['DATABASE_URL', 'postgres:///shop?host=/var/run', []],
    ['DATABASE_URL', 'app:s3cret@tcp(10.0.0.5:3307)/shop', ['10.0.0.5:3307']],
    ['DATABASE_URL', 'host=db port=5433 user=app password=s3cret', ['db:5433']],
    ['CONNECTION', 'Server=db,1434;User=sa;Password=s3cret', ['db:1434']],
    ['MONGO', 'mongodb://u:p@a:27018,b/shop', ['a:27018', 'b:27017']],
    ['MONGO', 'mongodb+srv://u:p@cluster.example/shop', []],
    ['SENTINELS_URL', 'redis://a:1,redis://b:2', ['a:1', 'b:2']],
    ['KAFKA_BROKERS', 'k1:9092,k2:9093', ['k1:9092', 'k2:9093']],
    ['MEMCACHE_SERVERS', '10.0.0.7, 10.0.0.8', ['10.0.0.7:11211', '10.0.0.8:11211']],
    ['REDIS_URL', 'redis://[fd00::7]:6380/1', ['fd00::7:6380']],
    ['REDIS_URL', 'rediss://cache.example', ['cache.example:6379']],
    ['REDIS_HOST', 'cache.example', ['cache.example:6379']],
    ['APP_URL', 'http://localhost:3000', []],
    ['NAME', 'shop', []],
    ['START', '12:30', []],
  ])('%s=%s', (variable, value, expected) => {
    expect(found({ [variable]: value })).toEqual(expected.map((each) => `${variable}: ${each}`));
  });

  it('a host and its port', () => {
    expect(found({ DB_HOST: 'db', DB_PORT: '5433' })).toEqual(['DB_HOST: db:5433']);
    expect(found({ PGHOST: 'db', PGPORT: '5434' })).toEqual(['PGHOST: db:5434']);
    expect(found({ DB_HOST: 'db' })).toEqual([]);
  });
  it('a host of which the deployment knows the ports', () => {
    const known = [{ names: ['10.0.0.9', 'shop-redis'], ports: [6379] }, { names: ['10.0.0.9', 'shop-db'], ports: [5432] }];
    expect(found({ CACHE_HOST: 'shop-redis' }, known)).toEqual(['CACHE_HOST: shop-redis:6379']);
    expect(found({ DB_HOST: '10.0.0.9' }, known)).toEqual(['DB_HOST: 10.0.0.9:6379', 'DB_HOST: 10.0.0.9:5432']);
    expect(found({ PG_HOST: '10.0.0.9' }, known)).toEqual(['PG_HOST: 10.0.0.9:5432']);
  });
  it('one place that several variables name', () => {
    expect(found({ CACHE_URL: 'redis://c:6379/0', QUEUE_URL: 'redis://C/1' })).toEqual(['CACHE_URL QUEUE_URL: c:6379']);
  });

  it.each([
    ['BASIC_AUTH', 'admin:12345'],
    ['SMTP_LOGIN', 'bob.smith:12345'],
    ['DATABASE_URL', 'postgres://user:12/word@db:5432/shop'],
    ['DATABASE_URL', 'postgres://user:pa#ss@db:5432/shop'],
    ['DATABASE_URL', 'postgres://user:1@2/3@db/shop'],
  ])('nothing where it could be a credential: %s=%s', (variable, value) => {
    expect(found({ [variable]: value })).toEqual([]);
  });

  const word = fc.stringMatching(/^[A-Za-z0-9!$&'()*+,;=:@/?#[\]%._~-]{6,20}$/).map((text) => `Zq${text}`);
  it('no part of a password, whatever is in it', () => {
    fc.assert(
      fc.property(fc.constantFrom('postgres', 'redis', 'amqp', 'https', 'mongodb'), fc.stringMatching(/^[a-z]{3,8}$/), word, (scheme, user, password) => {
        const hosts = addressesIn(new Map([['DATABASE_URL', `${scheme}://${user}:${password}@db.internal:5432/shop`]])).map(({ host, port }) => `${host}:${port}`);
        expect(hosts.filter((each) => each !== 'db.internal:5432')).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
  it('any environment at all', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true }), word)), (env) => {
        for (const { host, port } of addressesIn(new Map(Object.entries(env)))) {
          expect(host).toMatch(/^[a-z0-9._:-]+$/);
          expect(port).toBeGreaterThan(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
