/**
 * Shell that finds the certificates which the two proxies hold. Both are asked through Docker and their volumes alone:
 * nothing has to be installed on the host, and neither proxy has to run.
 */

/**
 * The shell function `acme_stores`: prints the paths, in Traefik's container, of the files with its certificates, one a
 * line. Kamal 1 gives Traefik its whole configuration as arguments, so these tell (Traefik 2: `acme.json` by default).
 */
const ACME_STORES = `
acme_stores() {
  docker inspect -f '{{range .Config.Cmd}}{{println .}}{{end}}' traefik 2>/dev/null | awk '
    { at = index($0, "="); name = tolower(at ? substr($0, 1, at - 1) : $0) }
    name !~ /^--certificatesresolvers\\.[^.]+\\.acme\\./ { next }
    { split(name, part, "."); known[part[2]] = known[part[2]] }
    name ~ /\\.acme\\.storage$/ && at { known[part[2]] = substr($0, at + 1) }
    END { for (r in known) print known[r] == "" ? "acme.json" : known[r] }' | sort -u | sed 's,^[^/],/&,'
}`;

/** Takes the values of keys out of an acme.json: base64 has no quotes in it, so this holds for any layout of the JSON. */
export const WITHOUT_KEYS = `sed -E 's/("([Pp]rivate)?[Kk]ey"[[:space:]]*:[[:space:]]*)"[^"]*"/\\1""/g'`;

/**
 * Prints Traefik's certificate files, each as one line of base64.
 *
 * @param keys whether the private keys are printed too: then the output is a secret
 */
export function printTraefikCertificates(keys: boolean): string {
  return `${ACME_STORES}
acme_stores | while read -r f; do
  docker cp -L "traefik:$f" - 2>/dev/null | tar -xOf - 2>/dev/null ${keys ? '' : `| ${WITHOUT_KEYS} `}| base64 | tr -d '\\n'; echo
done`;
}

/**
 * Prints what kamal-proxy keeps for automatic TLS, `folder/file<TAB>base64 of the certificates`, without any key. What a run
 * that is not over has carried over isn't the proxy's own: it goes when that run is put back.
 */
export const PRINT_PROXY_CERTIFICATES = `
open=$(grep -Lx committed .kamal/bactrian/*/app.journal 2>/dev/null)
s=; [ "$(id -u)" = 0 ] || ! sudo -n true 2>/dev/null </dev/null || s='sudo -n'
d=$(docker volume inspect -f '{{.Mountpoint}}' kamal-proxy-config 2>/dev/null)/certs
[ "$d" = /certs ] || $s find "$d" -mindepth 2 -maxdepth 2 -type f 2>/dev/null </dev/null | while read -r f; do
  [ -n "$open" ] && grep -qs "^certificate [^ ]* certs/\${f#"$d"/}$" $open && continue
  printf '%s\\t%s\\n' "\${f#"$d"/}" "$($s sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' "$f" 2>/dev/null </dev/null | base64 | tr -d '\\n')"
done`;
