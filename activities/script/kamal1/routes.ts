import type { RouteQuestion } from '../../../src/kamal/kamal1/questions.ts';
import { q } from '../words.ts';

/** Traefik has to route this often in a row: right after its start it knows some of its routers only. */
const TIMES = 5;

/**
 * The words that ask Traefik whether it routes: `serves CONTAINER` once, `until_serves CONTAINER SECONDS` until it did
 * so several times in a row. Traefik is asked at its container's address, so it needs no port of the host.
 *
 * An answer counts as the app's unless it is one that Traefik makes itself: 502 to 504, and its own 404. Needs the words
 * of `STEERING`.
 *
 * @param questions one a router; without any, any answer will do
 */
export function routeWords(questions: readonly RouteQuestion[]): string {
  const asked = questions.map(({ scheme, port, host, path }) => `routed "$at" ${port} ${scheme} ${q(host ?? '')} ${q(path)}`);
  return `
# routed ADDRESS PORT SCHEME HOST-OR-NOTHING PATH
routed() {
  rm -f "$D/said"
  if command -v curl > /dev/null; then
    s=$(curl -gsk --noproxy '*' -m 3 \${4:+-H "Host: $4"} -o "$D/said" -w '%{http_code}' "$3://$1:$2$5")
  elif command -v wget > /dev/null; then
    s=$(http_proxy= https_proxy= wget -t 1 -S -T 3 --no-check-certificate \${4:+--header "Host: $4"} -O /dev/null "$3://$1:$2$5" 2>&1 | sed -n 's,.*HTTP/[0-9.]* \\([0-9]*\\).*,\\1,p' | head -n 1)
    # What was answered can't be seen: a 404 may be Traefik's own.
    echo '404 page not found' > "$D/said"
  else
    # Without curl and wget nothing here speaks TLS; that Traefik answers in plain has to do.
    [ "$3" = http ] || { ask "$1" 80 > /dev/null; return; }
    timeout 3 bash -c 'exec 3<> "/dev/tcp/$0/$1"; printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$3" "\${2:-$0}" >&3; cat <&3' "$1" "$2" "$4" "$5" > "$D/said" 2> /dev/null
    s=$(head -n 1 "$D/said" | cut -d ' ' -f 2)
  fi
  case $s in
    ''|000|502|503|504) return 1 ;;
    404) ! grep -qx '404 page not found' "$D/said" ;;
  esac
}
serves() {
  at=$(address_of "$1"); [ -n "$at" ] || return 1
  ${asked.length > 0 ? asked.join(' && ') : 'ask "$at" 80 > /dev/null'}
}
until_serves() {
  good=0; end=$(( $(centiseconds) + $2 * 100 ))
  while [ $good -lt ${TIMES} ]; do
    if serves "$1"; then good=$((good + 1)); else good=0; [ "$(centiseconds)" -lt $end ] || { rm -f "$D/said"; return 1; }; sleep 0.2; fi
  done
  rm -f "$D/said"
}`;
}
