import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectHost } from '../../../src/kamal/erb/host.ts';
import { ErbError, renderErb } from '../../../src/kamal/erb/render.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'erb-test-'));
  await writeFile(path.join(directory, 'hosts.txt'), 'one\n\ntwo \n');
  await writeFile(path.join(directory, 'values.yml'), 'web:\n  hosts: [ a, b ]\n');
  await writeFile(path.join(directory, '.env'), 'FROM_DOTENV="dot env"\nHOME_HOST=dotenv\n');
});
afterAll(() => rm(directory, { recursive: true }));

/** PATH without ruby and kamal: what is beyond us is an error then. */
const render = async (template: string, trim = true) =>
  (await renderErb(template, projectHost(directory, { PATH: '/usr/bin:/bin', LIST: 'a, b,c', NAME: 'web', HOME_HOST: 'set' }), { trim })).text;

describe('renderErb', () => {
  // Each result is what ERB of Ruby 3.4 gives.
  it.each([
    ['<%= ENV["NAME"] %> <%= ENV["MISSING"] %>|', 'web |'],
    ["<%= ENV.fetch('MISSING', 'd') %> <%= ENV.fetch('MISSING') { |k| k.downcase } %>", 'd missing'],
    ['<%= ENV["LIST"].split(",").map(&:strip).join(" ") %>', 'a b c'],
    ['<%= ENV["MISSING"]&.upcase.inspect %> <%= (ENV["MISSING"] || "x").upcase %>', 'nil X'],
    ['<% if ENV["NAME"] == "web" %>\nyes\n<% else %>\nno\n<% end %>', '\nyes\n'],
    ['<%- if ENV["NAME"] -%>\nyes\n<%- end -%>\nz', 'yes\nz'],
    ['<% %w[x y].each_with_index do |h, i| -%>\n- <%= h %><%= i %>\n<% end -%>', '- x0\n- y1\n'],
    ['<%= "yes" if ENV["NAME"] %>|<%= "yes" unless ENV["NAME"] %>|', 'yes||'],
    ['<% case ENV["NAME"] %><% when "x", "web" %>W<% else %>E<% end %>', 'W'],
    ['<% x = 1; x += 2 %><%= x %> <%= 7 / 2 %> <%= -7 / 2 %> <%= 7.0 / 2 %>', '3 3 -4 3.5'],
    ['<%= File.read("hosts.txt").lines.map(&:strip).reject(&:empty?).join(",") %>', 'one,two'],
    ['<%= File.exist?("nope") %> <%= File.read("nope") rescue "fallback" %>', 'false fallback'],
    ['<%= YAML.load_file("values.yml").dig("web", "hosts").last %> <%= JSON.parse(\'{"a":[1,{"b":2}]}\')["a"][1]["b"] %>', 'b 2'],
    ['<%= `echo hi`.chomp %> <%= %x(printf there) %>', 'hi there'],
    ['<% require "dotenv"; Dotenv.load -%>\n<%= ENV["FROM_DOTENV"] %> <%= ENV["HOME_HOST"] %>', 'dot env set'],
    ['<% Dotenv.overload(".env") %><%= ENV["HOME_HOST"] %>', 'dotenv'],
    ['a <%% b %%> c<%# comment %>', 'a <% b %%> c'],
    ['<%= "#{ENV["NAME"]}-#{1 + 1}" %> <%= \'#{x}\' %>', 'web-2 #{x}'],
    ['<%= [1, nil, :a, "b", {c: 1.0}].inspect %>', '[1, nil, :a, "b", {:c=>1.0}]'],
    ['<%= {"a" => 1}.map { |k, v| "#{k}=#{v}" }.first %> <%= "v1.2".delete_prefix("v") %> <%= "a-b".tr("-", "_") %>', 'a=1 1.2 a_b'],
    ['<%= (1..3).map { |i| "10.0.0.#{i}" }.join(",") %>', '10.0.0.1,10.0.0.2,10.0.0.3'],
    ['<% hosts = ENV["LIST"]\n  .split(",")\n  .map(&:strip) %><%= hosts.size %>', '3'],
  ])('%s', async (template, text) => {
    expect(await render(template)).toBe(text);
  });

  it('knows the line that a line of the result comes from', async () => {
    const template = '<% 2.times do |i| -%>\n- <%= i %>\n<% end -%>\nlast: 1\n<%= "a\nb" %>\nend';
    const { text, lineOf } = await renderErb(template, projectHost(directory, {}), { trim: true });
    expect(text).toBe('- 0\n- 1\nlast: 1\na\nb\nend');
    expect([1, 2, 3, 4, 5, 6].map(lineOf)).toEqual([2, 2, 4, 5, 5, 7]);
  });

  it.each([
    ['a\n<%= ENV.fetch("NOT_SET") %>', 'key not found: "NOT_SET"', 2, 'ENV.fetch("NOT_SET")'],
    ['<%= File.read("no/file") %>', 'No such file or directory @ rb_sysopen - no/file', 1, 'File.read("no/file")'],
    ['\n\n<%= ENV["MISSING"].strip %>', "undefined method `strip' for nil", 3, 'ENV["MISSING"].strip'],
    ['<% raise "set NAME" unless ENV["OTHER"] %>', 'set NAME', 1, 'raise "set NAME" unless ENV["OTHER"]'],
    ['<% def f; end %>', 'ERB: def in Ruby code is not understood without Ruby', 1, 'def f; end'],
    ['x: <%= Time.now.year %>', 'ERB: Time.now is not understood without Ruby', 1, 'Time.now.year'],
    ['<%= eval("1") %>', 'ERB: eval in Ruby code is not understood without Ruby', 1, 'eval("1")'],
    ['<%= "".class.send(:exit) %>', 'ERB: String#class is not understood without Ruby', 1, '"".class.send(:exit)'],
  ])('%s is refused with line and expression', async (template, message, line, expression) => {
    const error = await render(template).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ErbError);
    expect(error).toMatchObject({ message, line, expression });
  });

  it('leaves what is beyond it to an installed ruby, and to kamal without one', async () => {
    const bin = await mkdtemp(path.join(tmpdir(), 'erb-bin-'));
    const template = '<% def f(x) = x * 2 %><%= f(21) %>';
    const host = projectHost(directory, { PATH: `${bin}:/usr/bin:/bin` });
    await writeFile(path.join(bin, 'kamal'), '#!/bin/sh\n[ "$1" = config ] || exit 1\necho ":builder:"; echo "  args:"; printf "    RENDERED: NDI="\n', { mode: 0o755 });
    expect((await renderErb(template, host, { trim: true })).text).toBe('42');
    await writeFile(path.join(bin, 'ruby'), '#!/bin/sh\nprintf "by ruby"\n', { mode: 0o755 });
    expect((await renderErb(template, host, { trim: true })).text).toBe('by ruby');
    await rm(bin, { recursive: true });
  });
});
