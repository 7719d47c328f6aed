# Sourced by the scripts that need Linux with GNU's tools. needs [PROGRAM[:PACKAGE]]...: ends the script with a line about what is missing, and Debian's package that has it.
needs() {
  local wanted
  [ "$(uname -s)" = Linux ] || { echo "${0##*/} needs Linux, with GNU's command-line tools; on Windows or macOS run it in WSL, a container or a virtual machine" >&2; exit 1; }
  for wanted in "$@"; do
    command -v "${wanted%%:*}" >/dev/null || { echo "${0##*/} needs ${wanted%%:*}: apt-get install ${wanted##*:}" >&2; exit 1; }
  done
}
