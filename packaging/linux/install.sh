#!/bin/sh
# Puts the program into the menus of the person who runs this: entry, icon and metainfo under
# XDG_DATA_HOME. `--uninstall` takes them out again; the program and its data are not touched.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$(dirname -- "$here")")
data=${XDG_DATA_HOME:-${HOME:?}/.local/share}
entry=$data/applications/desktop-llm.desktop
icon=$data/icons/hicolor/scalable/apps/desktop-llm.svg
tools=$data/kio/servicemenus/desktop-llm-tools.desktop
metainfo=$data/metainfo/org.desktop_llm.desktop_llm.metainfo.xml

refresh() {
    # The icon theme's cache, if there is one, is stale when its folder is newer.
    if [ -d "$data/icons/hicolor" ]; then
        touch "$data/icons/hicolor"
    fi
}

find_program() {
    for candidate in "$root/.venv/bin/desktop-llm" "$(command -v desktop-llm || true)"; do
        if [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# The path of the program as the entry's Exec line quotes it (Desktop Entry Specification, "The Exec
# key"): once for the quotes, once for the string's own escapes; `%` stands for itself when doubled.
quoted() {
    escaped=$(printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g')
    printf '"%s"' "$escaped"
}

case ${1:-} in
--uninstall)
    rm -f -- "$entry" "$icon" "$metainfo" "$tools"
    refresh
    echo "desktop-llm is no longer in the menus."
    ;;
"")
    program=$(find_program)
    if [ -z "$program" ]; then
        echo "There is no program to start yet: run \`make setup\` first." >&2
        exit 1
    fi
    mkdir -p -- "$(dirname -- "$entry")" "$(dirname -- "$icon")" "$(dirname -- "$metainfo")" \
        "$(dirname -- "$tools")"
    # A menu has another PATH than a terminal: the entry names the program in full.
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        Exec=*) printf 'Exec=%s\n' "$(quoted "$program")" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$here/desktop-llm.desktop" >"$entry"
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        "Exec=desktop-llm "*) printf 'Exec=%s %s\n' "$(quoted "$program")" "${line#Exec=desktop-llm }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$here/desktop-llm-tools.desktop" >"$tools"
    cp -- "$root/resources/icons/desktop-llm.svg" "$icon"
    cp -- "$here/org.desktop_llm.desktop_llm.metainfo.xml" "$metainfo"
    chmod 644 "$entry" "$icon" "$metainfo"
    chmod 755 "$tools" # a service menu that is not executable is ignored
    refresh
    echo "desktop-llm is in the menus of $(id -un); it starts $program"
    ;;
*)
    echo "usage: install.sh [--uninstall]" >&2
    exit 2
    ;;
esac
