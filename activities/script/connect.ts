/** How long one connection may take to be made, in seconds. */
const EACH_SECONDS = 3;

/*
 * Each of these reads lines `host port` from its stdin and answers each with `@place host port word`: open, refused,
 * unresolved or silent. Nothing is sent over a connection. Images hold one or the other of these languages, or a shell with `nc` or curl.
 */
const PYTHON = `
import socket, sys, threading
def look(host, port):
    try: socket.create_connection((host, int(port)), ${EACH_SECONDS}).close(); word = "open"
    except socket.gaierror: word = "unresolved"
    except ConnectionRefusedError: word = "refused"
    except OSError: word = "silent"
    sys.stdout.write("@place %s %s %s\\n" % (host, port, word)); sys.stdout.flush()
for line in sys.stdin: threading.Thread(target=look, args=line.split()).start()`;

const RUBY = `
require "socket"
STDIN.each_line.map(&:split).map { |host, port|
  Thread.new {
    word = begin Socket.tcp(host, port.to_i, connect_timeout: ${EACH_SECONDS}) { "open" }
    rescue SocketError then "unresolved"
    rescue Errno::ECONNREFUSED then "refused"
    rescue SystemCallError then "silent" end
    STDOUT.write("@place #{host} #{port} #{word}\\n") } }.each(&:join)`;

const NODE = `
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [host, port] = line.split(" ");
  const socket = require("net").connect({ host, port: Number(port) });
  const say = (word) => { console.log("@place", host, port, word); socket.destroy(); };
  socket.setTimeout(${EACH_SECONDS * 1000}, () => say("silent"));
  socket.on("connect", () => say("open")).on("error", ({ code }) => say(code === "ECONNREFUSED" ? "refused" : /^E(NOTFOUND|AI_AGAIN)$/.test(code) ? "unresolved" : "silent"));
});`;

const PERL = `
use IO::Socket::INET; $| = 1;
while (<STDIN>) { my ($host, $port) = split; next if fork;
  my $word = gethostbyname($host) ? (IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => ${EACH_SECONDS}) ? "open" : $! =~ /refused/i ? "refused" : "silent") : "unresolved";
  print "@place $host $port $word\\n"; exit } 1 while wait > 0;`.replaceAll('@place', '\\@place');

/** For images with a shell and little else. What a refused connection says differs from program to program. */
const SHELL = `
open_one() {
  if command -v bash > /dev/null && command -v timeout > /dev/null; then timeout ${EACH_SECONDS} bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2" 2>&1
  elif nc -h 2>&1 | grep -q -e ' -z\\b'; then nc -z -w ${EACH_SECONDS} "$1" "$2" 2>&1
  elif nc -h 2>&1 | grep -q -e '-e PROG'; then nc -w ${EACH_SECONDS} "$1" "$2" -e true 2>&1
  elif command -v curl > /dev/null; then case $(curl -s -o /dev/null -m ${EACH_SECONDS} -w '%{time_connect}' "telnet://$1:$2" < /dev/null) in 0*[1-9]*|[1-9]*) return 0 ;; *) return 1 ;; esac
  else return 9; fi
}
look_one() {
  said=$(open_one "$1" "$2"); c=$?
  [ $c != 9 ] || return
  if [ $c = 0 ]; then word=open; else case $said in *refused*) word=refused ;; *resolve*|*not\\ known*|*bad\\ address*|*unknown\\ host*) word=unresolved ;; *) word=silent ;; esac; fi
  echo "@place $1 $2 $word"
}
while read -r host port; do look_one "$host" "$port" & done
wait`;

/**
 * A script for a shell in a container whose image nobody knows: it opens each of the places with what it finds there.
 *
 * @param places `host port`, one a line; they go over stdin, like the script itself
 */
export function connectScript(places: readonly { host: string; port: number }[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return `unset RUBYOPT NODE_OPTIONS PYTHONSTARTUP PERL5OPT
look() {
  if command -v python3 > /dev/null; then python3 -c ${quoted(PYTHON)}
  elif command -v node > /dev/null; then node -e ${quoted(NODE)}
  elif command -v ruby > /dev/null; then ruby -e ${quoted(RUBY)}
  elif command -v perl > /dev/null && perl -MIO::Socket::INET -e 1 2> /dev/null; then perl -e ${quoted(PERL)}
  else ${SHELL}
  fi
}
look 2> /dev/null <<'BACTRIAN_PLACES'
${places.map(({ host, port }) => `${host} ${port}`).join('\n')}
BACTRIAN_PLACES
:`;
}
