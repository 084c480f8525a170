#!/bin/sh
# The pages name verbs and options that the program has: in blocks of code, in lines typed behind "$ ", and in `code`.
# Usage: commands.sh TERN_PROGRAM SOURCE_ROOT
set -eu
case $1 in /*) tern=$1 ;; *) tern=$PWD/$1 ;; esac
cd "$2"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# verbs [VERB]: what stands below "Subcommands:" in its help.
verbs() { "$tern" "$@" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z]\{1,\}\) .*/\1/p'; }
# options VERB...: a line "VERB... OPTION" for each spelling of each option.
options() {
  "$tern" "$@" --help | sed -n 's/^  \(-[^ ]*\).*/\1/p' | tr , '\n' | sed "s/[^a-zA-Z0-9-].*//; s/^/${*:-tern} /"
}
for verb in $(verbs); do
  options "$verb"
  for inner in $(verbs "$verb"); do options "$verb" "$inner"; done
done >"$work/known"
"$tern" --help | sed -n 's/^  \(-[^ ]*\).*/\1/p' | tr , '\n' | sed 's/^/tern /' >>"$work/known"

# shellcheck disable=SC2046  # paths without white space
awk -v known="$work/known" '
  BEGIN { while ((getline line <known) > 0) { n = split(line, w, " "); name = w[1]; for (i = 2; i < n; ++i) name = name " " w[i]
            verbs[name] = 1; has[name, w[n]] = 1; any[w[n]] = 1 } }
  function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad = 1 }
  # One command, up to a comment or what joins it to the next.
  function check(text,    w, n, i, name, option) {
    sub(/ #.*/, "", text); gsub(/[][]/, " ", text)
    n = split(text, w, " ")
    for (i = 1; w[i] ~ /^[A-Z_]+=/; ++i) {}
    if (w[i] !~ /^(\$|.*\/)?tern$/ || i == n) return
    ++commands
    name = w[i + 1] ~ /^-/ ? "tern" : w[++i]
    if (!(name in verbs)) { complain("tern has no verb \"" name "\""); return }
    if ((name " " w[i + 1]) in verbs) name = name " " w[++i]
    while (++i <= n) {
      option = w[i]; sub(/[=:,].*/, "", option)
      if (option ~ /^--?[a-zA-Z]/ && !((name, option) in has)) complain("tern " name " has no option " option)
    }
  }
  function each(text,    parts, n, i) { n = split(text, parts, /&&|;|\|/); for (i = 1; i <= n; ++i) check(parts[i]) }
  FNR == 1 { open = 0 }
  /^```/ { open = !open; next }
  open { each($0); next }
  /^    \$ / { each(substr($0, 7)); next }
  { n = split($0, code, "`")
    for (k = 2; k <= n; k += 2) {
      each(code[k])
      if (match(code[k], /^--[a-z][a-z0-9-]*/) && !(substr(code[k], 1, RLENGTH) in any)) {
        complain("no verb of tern has the option " substr(code[k], 1, RLENGTH)) }
    } }
  END { if (commands < 50) complain("only " commands + 0 " commands on all pages: what was looked at?")
        if (!bad) printf "commands: %d on the pages are commands of the program\n", commands
        exit bad }' README.md CONTRIBUTING.md CHANGELOG.md $(find docs datasets -name '*.md' | sort)
